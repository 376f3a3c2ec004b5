# breast cancer with a small mlp
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

EPOCHS = 8
BATCH = 64

data = load_breast_cancer()
X_train, X_val, y_train, y_val = train_test_split(data.data, data.target, test_size=0.3, random_state=42)
scaler = StandardScaler().fit(X_train)
X_train = torch.tensor(scaler.transform(X_train), dtype=torch.float32)
X_val = torch.tensor(scaler.transform(X_val), dtype=torch.float32)
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)


def run(criterion, trial):
    model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=trial.learning_rate)
    for epoch in range(EPOCHS):
        model.train()
        perm = np.random.permutation(len(X_train))
        for i in range(0, len(perm), BATCH):
            idx = perm[i:i + BATCH]
            optimizer.zero_grad()
            loss = criterion(model(X_train[idx]), y_train[idx])
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            pred = model(X_val).argmax(dim=1)
        f1 = f1_score(y_val, pred, average='macro')
        print(f'epoch {epoch}: loss {loss.item():.4f} val f1 {f1:.4f}')
        trial.report(epoch, f1)
    return f1


if __name__ == '__main__':
    run()
