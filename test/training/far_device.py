"""A device that no machine lacks and that is as strict as a GPU: tensors on it and on the CPU cannot meet in one operation.

Its tensors are wrappers that name the device "lazy" and hold a tensor of the CPU, which does the arithmetic.
"""
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

DEVICE = "lazy"  # the only one that PyTorch lets be named, and moved to, without a backend of it
CROSSINGS = ("aten::copy_", "aten::_to_copy")
# What a GPU's tensor may be asked for by an index on the CPU.
INDEXED = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")


class FarTensor(torch.Tensor):
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, near: torch.Tensor):
        far = torch.Tensor._make_wrapper_subclass(
            cls,
            near.size(),
            strides=near.stride(),
            storage_offset=near.storage_offset(),
            dtype=near.dtype,
            layout=near.layout,
            device=torch.device(DEVICE),
            requires_grad=False,
        )
        far.near = near
        return far

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return dispatch(function, args, kwargs or {})


class FarDevice(TorchDispatchMode):
    """Within it `torch.zeros(..., device="lazy")` and `.to("lazy")` work."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return dispatch(function, args, kwargs or {})


def dispatch(function, args, kwargs):
    name = function._schema.name
    values, form = tree_flatten((args, kwargs))
    far = [value for value in values if isinstance(value, FarTensor)]
    near = [value for value in values if isinstance(value, torch.Tensor) and not isinstance(value, FarTensor) and value.ndim]
    if far and near and name not in CROSSINGS and not (name in INDEXED and isinstance(args[0], FarTensor)):
        raise RuntimeError(f"{name}: tensors on two devices: {[list(v.shape) for v in far]} far, {[list(v.shape) for v in near]} near")
    lands_far = bool(far)
    if name == "aten::copy_":
        lands_far = isinstance(args[0], FarTensor)
    elif kwargs.get("device") is not None:
        lands_far = torch.device(kwargs["device"]).type == DEVICE
    here = [v.near if isinstance(v, FarTensor) else torch.device("cpu") if isinstance(v, torch.device) else v for v in values]
    here_args, here_kwargs = tree_unflatten(here, form)
    result = function(*here_args, **here_kwargs)
    return tree_map(lambda v: FarTensor(v) if isinstance(v, torch.Tensor) else v, result) if lands_far else result
