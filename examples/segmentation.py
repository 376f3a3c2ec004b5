"""A small segmentation net whose loss is searched: `lossmith search examples/segmentation.yaml`.

Images with a few small shapes on a large background: three classes, 93% of the pixels the first. A frame of
unlabelled pixels has the target 255, which does not count.
"""

import torch
from torch import nn

from lossmith.search import own_training

SIZE, IGNORED = 16, 255


def shapes(count, seed):
    """Noisy images (N, 1, 16, 16) with a square and a cross each, and their labels (N, 16, 16)."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.zeros(count, SIZE, SIZE, dtype=torch.long)
    for label in labels:
        (a, b), (c, d) = torch.randint(2, SIZE - 5, (2, 2), generator=draw).tolist()
        label[a : a + 3, b : b + 3] = 1
        label[c + 1, d : d + 3] = 2
        label[c : c + 3, d + 1] = 2
    images = labels.float().unsqueeze(1) / 2 + 0.35 * torch.randn(count, 1, SIZE, SIZE, generator=draw)
    labels[:, 0] = labels[:, -1] = IGNORED
    return images, labels


PARTS = {"train": shapes(64, 0), "validation": shapes(64, 1), "test": shapes(128, 2)}


def mean_iou(guessed, labels):
    """The intersection over the union, averaged over the classes; ignored pixels left out."""
    counted = labels != IGNORED
    found = []
    for number in range(3):
        one, other = (guessed == number) & counted, (labels == number) & counted
        found.append(((one & other).sum() / (one | other).sum().clamp(min=1)).item())
    return sum(found) / 3


@own_training(
    "multiclass", metric="mean_iou", name="shapes", ignore_index=IGNORED, recipe={"learning_rate": 0.01}
)
def train(loss, trial):
    """The loss takes logits (N, 3, 16, 16) and labels (N, 16, 16)."""
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 1)
    ).to(trial.device)
    optimizer = torch.optim.Adam(net.parameters(), lr=trial.learning_rate)
    images, labels = (part.to(trial.device) for part in PARTS["train"])
    held_images, held_labels = (part.to(trial.device) for part in PARTS[trial.part])
    score = 0.0
    for epoch in range(6):
        for rows in torch.randperm(len(images)).split(16):
            optimizer.zero_grad()
            loss(net(images[rows]), labels[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            score = mean_iou(net(held_images).argmax(1), held_labels)
        trial.report(epoch, score)
    return score
