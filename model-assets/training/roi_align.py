"""RoIAlign in plain PyTorch, so that the recipe needs no torchvision (Debian's torch 1.13 has none that matches).

Equals torchvision's `roi_align(aligned=True, sampling_ratio=2)` and ONNX RoiAlign half_pixel: four bilinear samples
a bin, averaged; samples beyond one cell outside the map count zero, nearer ones are clamped to the border.
"""
from __future__ import annotations

import torch


def roi_align(features: torch.Tensor, rois: torch.Tensor, image_index: torch.Tensor, spatial_scale: float, output: int = 7) -> torch.Tensor:
    """features [N, C, H, W], rois [R, 4] network px, image_index [R] -> [R, C, output, output]."""
    channels, height, width = features.shape[1:]
    points = output * 2
    start = rois[:, :2] * spatial_scale - 0.5
    size = (rois[:, 2:] - rois[:, :2]) * spatial_scale
    steps = (torch.arange(points, device=rois.device, dtype=rois.dtype) + 0.5) / points
    x = start[:, 0:1] + size[:, 0:1] * steps  # [R, P]
    y = start[:, 1:2] + size[:, 1:2] * steps
    valid_x = ((x > -1) & (x < width)).to(rois.dtype)
    valid_y = ((y > -1) & (y < height)).to(rois.dtype)
    x = x.clamp(0, width - 1)
    y = y.clamp(0, height - 1)
    x0 = x.floor().clamp(max=width - 1)
    y0 = y.floor().clamp(max=height - 1)
    fx = x - x0
    fy = y - y0
    x0 = x0.long()
    y0 = y0.long()
    x1 = (x0 + 1).clamp(max=width - 1)
    y1 = (y0 + 1).clamp(max=height - 1)
    # channels last: one gathered row holds all channels of a place
    flat = features.permute(0, 2, 3, 1).reshape(-1, channels)
    base = (image_index * (height * width)).view(-1, 1, 1)

    def rows(yi, xi):
        return (base + yi.unsqueeze(2) * width + xi.unsqueeze(1)).reshape(-1)

    def weights(wy, wx):
        return ((wy * valid_y).unsqueeze(2) * (wx * valid_x).unsqueeze(1)).reshape(len(rois), output, 2, output, 2)

    count = len(rois)
    # The average of the 2 x 2 samples of a bin is one weighted sum of its 16 gathered rows.
    index = torch.stack([rows(yi, xi) for yi in (y0, y1) for xi in (x0, x1)], dim=-1)
    weight = torch.stack([weights(wy, wx) for wy in (1 - fy, fy) for wx in (1 - fx, fx)], dim=-1) / 4
    index = index.reshape(count, output, 2, output, 2, 4).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16)
    weight = weight.permute(0, 1, 3, 2, 4, 5).reshape(-1, 16)
    pooled = torch.nn.functional.embedding_bag(index, flat, per_sample_weights=weight.to(flat.dtype), mode="sum")
    return pooled.reshape(count, output, output, channels).permute(0, 3, 1, 2).contiguous()
