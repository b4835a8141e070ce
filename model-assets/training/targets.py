"""What one training step compares: the losses of the RPN and of the heads for a batch (section III-C, Eq. 12).

The network may be on any device. What it says is compared on the CPU, where truths and drawn samples are: what crosses is
small, and one code serves both.
"""
from __future__ import annotations

import dataclasses

import torch
from torch.nn import functional as F

from anchor_sampling import draw, match_anchors, sample_anchors
from anchors import STRIDE, make_anchors
from box_coder import HEAD_WEIGHTS, RPN_WEIGHTS, decode_boxes, encode_boxes
from losses import area, box_iou, group_losses, intersection, repulsion_loss
from nms import hard_nms

POSITIVE_ROI_IOU = 0.5
# Soft scores: the IoU of the box that is made at which a score of 0 and of 1 is asked for.
SOFT_IOU = (0.35, 0.75)
# A second look is through what the first made, but for the hopeless (`refinement.minScore` of the manifest).
HOPEFUL_SCORE = 0.05


@dataclasses.dataclass(frozen=True)
class AnchorSample:
    """Of one image: the anchors that train the RPN, and what deltas the positive ones should have."""

    positive: torch.Tensor  # [P] indices
    negative: torch.Tensor  # [Q]
    deltas: torch.Tensor  # [P, 4]


def draw_anchors(boxes: torch.Tensor, ignored: torch.Tensor, side: int, config, generator: torch.Generator) -> AnchorSample:
    """boxes [G, 4], ignored [I, 4] of a canvas of `side` px."""
    rows = columns = side // STRIDE
    anchors = make_anchors(rows, columns)
    iou, box_of, best = match_anchors(boxes, rows, columns)
    skip = torch.zeros_like(best)
    for region in ignored:
        skip |= (anchors[:, 0] < region[2]) & (anchors[:, 2] > region[0]) & (anchors[:, 1] < region[3]) & (anchors[:, 3] > region[1])
    of = box_of if config.balanced else None
    positive, negative = sample_anchors(iou, best, skip, config.hnas, config.anchors_sampled, generator, of)
    deltas = encode_boxes(boxes[box_of[positive]], anchors[positive], RPN_WEIGHTS) if len(positive) else anchors.new_zeros((0, 4))
    return AnchorSample(positive, negative, deltas)


def training_proposals(logits: torch.Tensor, deltas: torch.Tensor, anchors: torch.Tensor, side: int, config) -> torch.Tensor:
    """logits [A], deltas [A, 4] of one image, without gradient -> [R, 4] network px."""
    top = logits.topk(min(config.train_pre_nms, len(logits))).indices
    boxes = decode_boxes(deltas[top], anchors[top]).clamp(0, side)
    large = ((boxes[:, 2:] - boxes[:, :2]) >= 2).all(dim=1)
    boxes = boxes[large]
    kept, _ = hard_nms(boxes.cpu().numpy(), logits[top][large].cpu().numpy(), 0.7, config.train_post_nms)
    return boxes[torch.as_tensor(kept, dtype=torch.long)]


def jittered(boxes: torch.Tensor, share: float, side: int, generator: torch.Generator) -> torch.Tensor:
    """Boxes [G, 4] whose sides are moved by a normal share of their lengths, inside the canvas."""
    if not share:
        return boxes
    lengths = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    moved = (boxes + lengths * share * torch.randn(boxes.shape, generator=generator)).clamp(0, side)
    return torch.cat((moved[:, :2], torch.maximum(moved[:, 2:], moved[:, :2] + 2)), dim=1)


def sample_rois(rois: torch.Tensor, boxes: torch.Tensor, ignored: torch.Tensor, count: int, generator: torch.Generator, balanced: bool = False):
    """RoIs [N, 4] and truths [G, 4] -> (rois [R, 4], is positive [R], truth index [R]). `balanced`: the positives are drawn
    evenly over the truths; on a large chromosome lie three times as many RoIs as on a small one."""
    if len(boxes) == 0:
        chosen = torch.randperm(len(rois), generator=generator)[:count]
        return rois[chosen], torch.zeros(len(chosen), dtype=torch.bool), torch.zeros(len(chosen), dtype=torch.long)
    iou, box_of = box_iou(rois, boxes).max(dim=1)
    positive = (iou >= POSITIVE_ROI_IOU).nonzero().squeeze(1)
    usable = iou < POSITIVE_ROI_IOU
    if len(ignored):
        cover = intersection(rois.unsqueeze(1), ignored.unsqueeze(0)) / area(rois).unsqueeze(1).clamp(min=1)
        usable &= cover.max(dim=1).values < 0.5
    negative = usable.nonzero().squeeze(1)
    positive = draw(positive, int(count * 0.6), generator, box_of[positive] if balanced else None)
    negative = draw(negative, count - len(positive), generator)
    chosen = torch.cat((positive, negative))
    is_positive = torch.zeros(len(chosen), dtype=torch.bool)
    is_positive[: len(positive)] = True
    return rois[chosen], is_positive, box_of[chosen]


def batch_losses(model, images: torch.Tensor, truths, drawn, config, generator: torch.Generator, autocast) -> dict:
    """images u8 [N, 1, S, S] on the network's device; truths: per image (boxes [G, 4], types [G], ignored [I, 4]); drawn: per
    image an AnchorSample. -> named scalar losses on the CPU."""
    side = images.shape[-1]
    count = len(images)
    with autocast():
        features, objectness, deltas = model.dense(images)
    rows, columns = objectness.shape[-2:]
    anchors = make_anchors(rows, columns).to(images.device)
    logits = objectness.float().reshape(count, -1)
    deltas = deltas.float().reshape(count, 36, 4, rows, columns).permute(0, 1, 3, 4, 2).reshape(count, -1, 4)
    losses = rpn_losses(logits, deltas, drawn, config)

    rois = []
    for index, (boxes, _, ignored) in enumerate(truths):
        with torch.no_grad():
            proposals = training_proposals(logits[index], deltas[index], anchors, side, config).cpu()
        known = torch.cat((proposals, jittered(boxes, config.truth_jitter, side, generator)))
        rois.append(sample_rois(known, boxes, ignored, config.rois_sampled, generator, config.balanced))
    head, refined = head_losses(model, features, RoiSamples.of(rois), truths, config, autocast)
    losses.update(head)
    if config.refined_rois:
        # Inference looks at every chromosome twice, the second time through its refined box: train what it will see.
        rois = [
            sample_rois(boxes_of.clamp(0, side), boxes, ignored, config.refined_rois, generator, config.balanced)
            for boxes_of, (boxes, _, ignored) in zip(refined, truths)
        ]
        second, _ = head_losses(model, features, RoiSamples.of(rois), truths, config, autocast)
        for name, value in second.items():
            losses[name] = losses[name] + value
    return losses


def rpn_losses(logits: torch.Tensor, deltas: torch.Tensor, drawn, config) -> dict:
    """logits [N, A], deltas [N, A, 4]; both averaged over all anchors that were drawn."""
    total = logits.shape[1]
    positive = torch.cat([sample.positive + index * total for index, sample in enumerate(drawn)])
    negative = torch.cat([sample.negative + index * total for index, sample in enumerate(drawn)])
    asked = torch.cat((positive, negative))
    label = torch.cat((torch.ones(len(positive)), torch.zeros(len(negative))))
    said = deltas.reshape(-1, 4)[positive.to(deltas.device)].cpu()
    wanted = torch.cat([sample.deltas for sample in drawn])
    return {
        "rpn_score": F.binary_cross_entropy_with_logits(logits.reshape(-1)[asked.to(logits.device)].cpu(), label),
        "rpn_box": F.smooth_l1_loss(said, wanted, beta=config.box_beta, reduction="sum") / max(len(asked), 1),
    }


@dataclasses.dataclass(frozen=True)
class RoiSamples:
    """Per image: rois [R, 4] network px, which of them are positive [R], and the truth each overlaps most [R]."""

    rois: list
    positive: list
    box_of: list

    @staticmethod
    def of(sampled: list) -> "RoiSamples":
        """`sampled`: what `sample_rois` drew of each image."""
        return RoiSamples(*map(list, zip(*sampled)))


def head_losses(model, features: torch.Tensor, samples: RoiSamples, truths, config, autocast):
    """-> (named losses of the heads, the hopeful boxes that they made of the RoIs of each image, without gradient)."""
    count = len(truths)
    rois, is_positive = torch.cat(samples.rois), torch.cat(samples.positive)
    image_index = torch.cat([torch.full((len(r),), index, dtype=torch.long) for index, r in enumerate(samples.rois)])
    with autocast():
        pooled = model.pool(features, rois.to(features.device), image_index.to(features.device))
        score, roi_deltas, embedding, types, _ = model.classify(pooled)
    score, roi_deltas, embedding, types = (said.float().cpu() for said in (score, roi_deltas, embedding, types))
    with torch.no_grad():
        made = decode_boxes(roi_deltas, rois, HEAD_WEIGHTS).split([len(r) for r in samples.rois])
        wanted = is_positive.to(score)
        if config.soft_scores:
            wanted = torch.cat([soft_scores(m, boxes) for m, (boxes, _, _) in zip(made, truths)])
    losses = {"score": F.binary_cross_entropy_with_logits(score, wanted)}
    zero = score.sum() * 0
    box_loss, pull, push, repulsion, type_loss = zero, zero, zero, zero, zero
    total_positive = max(int(is_positive.sum()), 1)
    for index, (boxes, type_of, _) in enumerate(truths):
        near = samples.positive[index] | nearly_positive(samples.rois[index], boxes, config.regress_from)
        if near.any():
            here = (image_index == index).nonzero().squeeze(1)[near]
            target = encode_boxes(boxes[samples.box_of[index][near]], rois[here], HEAD_WEIGHTS)
            box_loss = box_loss + F.smooth_l1_loss(roi_deltas[here], target, beta=config.box_beta, reduction="sum")
        mine = (image_index == index) & is_positive
        if not mine.any():
            continue
        box_of = samples.box_of[index][samples.positive[index]]
        share = int(mine.sum()) / total_positive
        predicted = decode_boxes(roi_deltas[mine], rois[mine], HEAD_WEIGHTS)
        if config.template_module:
            image_pull, image_push = group_losses(embedding[mine], box_of, boxes, config.push_by_overlap)
            pull, push = pull + image_pull / count, push + image_push / count
        repulsion = repulsion + share * repulsion_loss(predicted, rois[mine], box_of, boxes, config.repulsion)
        if config.types:
            type_loss = type_loss + share * F.cross_entropy(types[mine], type_of[box_of])
    losses["box"] = config.box_weight * box_loss / len(rois)
    losses["pull"] = config.alpha * pull
    losses["push"] = config.beta * push
    losses["repulsion"] = config.gamma * repulsion
    losses["type"] = config.type_weight * type_loss
    return losses, [hopeful(m, s) for m, s in zip(made, score.detach().split([len(m) for m in made]))]


def nearly_positive(rois: torch.Tensor, boxes: torch.Tensor, least: float) -> torch.Tensor:
    """RoIs [R, 4], truths [G, 4] -> which overlap a truth by `least` (IoU) or more [R]."""
    return (box_iou(rois, boxes) >= least).any(dim=1)


def soft_scores(made: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Boxes made of R RoIs [R, 4], truths [G, 4] -> scores to ask for [R], 0..1, by the truth that each box overlaps most.

    Beyond the paper: its label says whether the RoI lies on a chromosome, but what is ranked and kept is the box that is
    made of it.
    """
    if len(boxes) == 0:
        return made.new_zeros(len(made))
    iou = box_iou(made, boxes).max(dim=1).values
    low, high = SOFT_IOU
    return ((iou - low) / (high - low)).clamp(0, 1)


def hopeful(made: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Of the boxes of one look [R, 4] those that inference looks at again; all where there are none."""
    kept = logits.sigmoid() >= HOPEFUL_SCORE
    return made[kept] if kept.any() else made
