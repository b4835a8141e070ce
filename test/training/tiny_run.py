"""A training run that is over in seconds: a small network on a canvas of 128 px."""
from configuration import Configuration

CONFIG = Configuration(channels=16, rpn_channels=16, fc=16, canvas=128, batch=2, steps=6, warmup=2, train_post_nms=40, rois_sampled=32, anchors_sampled=128, soft_scores=True)
