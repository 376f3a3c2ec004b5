"""The words that messages, tables and pages use without explaining them again."""

from __future__ import annotations

GLOSSARY = {
    "SPEC": "the YAML file that says what to search for: a task, a space and a budget",
    "space": "which losses may be searched, and from where to where each of their numbers",
    "standard loss": "a loss that people use today, such as cross entropy or focal with gamma 2",
    "usual loss": "the one that people use where they do not choose: cross entropy, bce, mse",
    "tuned cut-off": "of a loss: from which output on a sample counts as positive was tuned too",
    "searched loss": "a loss that the search put together from parts, with numbers of its own",
    "recipe": "how a model is trained: optimiser, learning rate, weight decay, epochs, batch size",
    "repeat": "one training of one loss: a seed (initial weights, order of batches) on a fold",
    "fold": "a part of the training data that is held out to score on",
    "refit": "one training of one loss on all training data, for the verdict",
    "trial": "one loss with its learning rate, trained on every repeat; its score is their mean",
    "cohort": "the trials that are trained together, as one program where the model allows it",
    "rung": "an epoch at which the worst trials of a cohort are pruned, that is, trained no further",
    "diverged": "a trial whose outputs or score stopped being numbers, or whose weights exploded",
    "rejected": "a trial that was not trained, for its loss gives no gradients that a model could learn from",
    "sampler": "what proposes the next losses from the scores so far",
    "engine": "how models are trained: many as one program (cohort), or one by one (loop)",
    "headroom": "phase 1: standard losses over several learning rates; do losses matter here at all?",
    "explore": "phase 2: the searched losses, a cohort at a time",
    "race": "phase 3: the best searched and the standard losses again, on fresh repeats",
    "verdict": "phase 4: the winner against every standard loss, refitted, on sealed test data",
    "sealed": "test data that nothing before the verdict has read",
    "insight": "after the verdict: what each part of the winner contributes",
}


def epilog() -> str:
    """Write the last lines of `lossmith --help`: where searches are kept, and what its words mean."""
    words = "\n".join(f"[bold]{word}[/bold]: {meaning}" for word, meaning in GLOSSARY.items())
    return (
        "Searches are kept in ./lossmith-data unless --workdir or --store says otherwise. "
        f"LOSSMITH_LOG=INFO (or DEBUG) logs to standard error.\n\n{words}"
    )
