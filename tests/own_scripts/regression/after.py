"""Diabetes progression, early stopping on the validation error."""
import copy

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

X, y = load_diabetes(return_X_y=True, scaled=True)
X, y = torch.tensor(X * 20).float(), torch.tensor(y).float().unsqueeze(1)
y = (y - y.mean()) / y.std()
train_idx, test_idx = train_test_split(range(len(X)), test_size=0.25, random_state=1)
train_idx, val_idx = train_test_split(train_idx, test_size=0.25, random_state=1)


def fit(mse, trial, max_epochs=20, patience=3):
    model = torch.nn.Sequential(torch.nn.Linear(10, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    opt = torch.optim.AdamW(model.parameters(), lr=trial.learning_rate, weight_decay=1e-2)
    best, best_state, bad = float("inf"), None, 0
    for epoch in range(max_epochs):
        model.train()
        for batch in torch.utils.data.DataLoader(train_idx, batch_size=32, shuffle=True):
            opt.zero_grad()
            mse(model(X[batch]), y[batch]).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
        model.eval()
        with torch.no_grad():
            val = (model(X[val_idx]) - y[val_idx]).abs().mean().item()
        print(epoch, val)
        trial.report(epoch, val)
        if val < best:
            best, best_state, bad = val, copy.deepcopy(model.state_dict()), 0
        else:
            bad += 1
            if bad >= patience:
                break
    model.load_state_dict(best_state)
    with torch.no_grad():
        return (model(X[test_idx]) - y[test_idx]).abs().mean().item() if trial.part == "test" else best


if __name__ == "__main__":
    fit()
