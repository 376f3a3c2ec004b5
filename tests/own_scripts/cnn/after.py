import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset, Subset

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Digits(Dataset):
    def __init__(self):
        digits = load_digits()
        self.images, self.labels = digits.images / 16.0, digits.target

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return torch.tensor(self.images[i], dtype=torch.float32)[None], int(self.labels[i])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3)
        self.fc = nn.Linear(8 * 3 * 3, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        return self.fc(torch.flatten(x, 1))


dataset = Digits()
train_loader = DataLoader(Subset(dataset, range(400)), batch_size=64, shuffle=True)
val_loader = DataLoader(Subset(dataset, range(400, 600)), batch_size=200)
test_loader = DataLoader(Subset(dataset, range(600, 900)), batch_size=200)


def evaluate(model, loader):
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, y in loader:
            correct += (model(x.to(device)).argmax(1) == y.to(device)).sum().item()
    return correct / len(loader.dataset)


def main(criterion, trial):
    net = Net().to(device)
    optimizer = optim.SGD(net.parameters(), lr=trial.learning_rate, momentum=0.9)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    for epoch in range(1, 5):
        net.train()
        for x, y in train_loader:
            x, y = x.to(device), y.to(device)
            optimizer.zero_grad()
            loss = criterion(net(x), y)
            loss.backward()
            optimizer.step()
        scheduler.step()
        acc = evaluate(net, val_loader)
        print("Epoch", epoch, "val acc", acc)
        trial.report(epoch, acc)
    return evaluate(net, test_loader if trial.part == "test" else val_loader)


if __name__ == "__main__":
    main()
