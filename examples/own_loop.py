"""A training loop of one's own, searched as it is: `lossmith search examples/own_loop.yaml`."""

import torch
from sklearn.datasets import load_wine
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from torch import nn

from lossmith.search import TrialHandle, own_training

X, y = load_wine(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
y = torch.tensor(y)
known, test = train_test_split(torch.arange(len(y)), test_size=0.3, stratify=y, random_state=0)


def rows_of(trial):
    """The rows to train on and to score on: folds for the search, the test rows for the verdict."""
    if trial.part == "test":
        return known, test
    folds = StratifiedKFold(trial.folds, shuffle=True, random_state=trial.partition)
    inside, outside = list(folds.split(known, y[known]))[trial.fold]
    return known[inside], known[outside]


@own_training("multiclass", metric="macro_f1", name="wine-loop", recipe={"learning_rate": 0.01})
def train(loss, trial):
    """Everything a search needs: train with `loss`, return the score."""
    fit_on, score_on = rows_of(trial)
    model = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3)).to(trial.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=trial.learning_rate)
    score = 0.0
    for epoch in range(8):
        model.train()
        for rows in fit_on[torch.randperm(len(fit_on))].split(32):
            optimizer.zero_grad()
            loss(model(X[rows].to(trial.device)), y[rows].to(trial.device)).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            guessed = model(X[score_on].to(trial.device)).argmax(1).cpu()
        score = f1_score(y[score_on], guessed, average="macro")
        trial.report(epoch, score)  # a trial that is hopeless by now ends here
    return score


if __name__ == "__main__":
    print("macro F1 without a search:", train(nn.CrossEntropyLoss(), TrialHandle()))
