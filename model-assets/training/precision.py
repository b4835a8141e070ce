"""Whether bf16 pays on this processor: with the instructions for it about twice as fast as f32, several times slower where
they are imitated."""
from __future__ import annotations

import contextlib

import torch


def has_fast_bf16() -> bool:
    """Asks oneDNN, which does the convolutions. False of a torch that is built without it, such as Debian's."""
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False


def fastest_autocast():
    """bf16 on this processor where that pays, else f32."""
    return torch.autocast("cpu", torch.bfloat16) if has_fast_bf16() else contextlib.nullcontext()
