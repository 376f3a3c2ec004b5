"""A program of torch.export made good for other dtypes, ranks and devices than it was traced with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.export import ExportedProgram
from torch.fx import Graph, Node

_ATEN = torch.ops.aten


def open_up(program: ExportedProgram) -> None:
    """Take out of a loss's program, in place, what holds it to its example.

    - The assertions that inputs have the example's dtype and device: conversions follow that convert.
    - The number of samples as the first size of an input: of dense inputs it is that of the flattened ones.
    - Tensors made on the example's device: they are brought to where the inputs are.
    - Where operations came from: paths of the machine that exported.

    What is flattened is held to one shape instead, but for sizes of one: outputs (4, 2) would else meet
    targets (8,), and a mask another one with height and width changed over.
    """
    graph = program.graph
    for node in list(graph.nodes):
        node.meta.pop("stack_trace", None)
        if node.target is _ATEN._assert_tensor_metadata.default:  # noqa: SLF001  (its name)
            graph.erase_node(node)
    for size, flattened in _sample_counts(graph.nodes):
        with graph.inserting_after(flattened):
            counted = graph.call_function(_ATEN.sym_size.int, (flattened, 0))
        counted.meta = dict(size.meta)
        size.replace_all_uses_with(counted)
        graph.erase_node(size)
    for outputs, flattened in _flattened(list(graph.nodes)):
        with graph.inserting_before(flattened):
            _held_to_shape(graph, outputs, flattened)
    for made, like in _made_here(graph.nodes):
        with graph.inserting_after(made):
            moved = graph.call_function(_ATEN.to.other, (made, like))
        moved.meta = dict(made.meta)
        for user in list(made.users):
            if user is not moved:
                user.replace_input_with(made, moved)
    graph.lint()
    program.graph_module.recompile()


def _flattened(nodes: Sequence[Node]) -> list[tuple[Node, Node]]:
    """The outputs as they came, with the targets that are flattened, or seen in the outputs' shape."""
    seen = [n for n in nodes if n.target is _ATEN.view_as.default and _root(n).name == "targets"]
    if seen:
        return [(node.args[1], node) for node in seen if isinstance(node.args[1], Node)]
    pairs = [(_root(n).name, n) for n in nodes if n.target is _ATEN.flatten.using_ints]
    outputs = [n.args[0] for name, n in pairs if name == "outputs"]
    targets = [n for name, n in pairs if name == "targets"]
    return [(node, target) for node, target in zip(outputs[:1], targets) if isinstance(node, Node)]  # noqa: B905


def _held_to_shape(graph: Graph, outputs: Node, flattened: Node) -> None:
    """Make targets fail that are not of the shape of the outputs before they are flattened.

    Two shapes are one where each can be expanded to the other: views, which cost nothing.

    Args:
        graph: Where nodes are inserted.
        outputs: With a last axis, which stays, where they have one axis more than the targets.
        flattened: The flattened targets.
    """
    (targets, *_), like = flattened.args, flattened.meta
    assert isinstance(targets, Node)

    def view(operation: object, *arguments: object) -> Node:
        made = graph.create_node("call_function", operation, arguments)  # type: ignore[arg-type]
        made.meta = dict(like)
        return made

    if outputs.meta["val"].dim() > targets.meta["val"].dim():
        outputs = view(_ATEN.select.int, outputs, -1, 0)
    one, other = view(_ATEN.squeeze.default, targets), view(_ATEN.squeeze.default, outputs)
    there = view(_ATEN.expand_as.default, one, other)
    back = view(_ATEN.expand_as.default, other, one)
    flattened.replace_input_with(targets, view(_ATEN.expand_as.default, there, back))


def _sample_counts(nodes: Iterator[Node]) -> list[tuple[Node, Node]]:
    """Each node that asks an input for its first size, with the flattened targets, if they are flattened."""
    every = list(nodes)
    flattened = [n for n in every if n.target is _ATEN.flatten.using_ints and _root(n).name == "targets"]
    asking = [n for n in every if n.target is _ATEN.sym_size.int and n.args[1] == 0 and _is_input(n.args[0])]
    return [(size, flattened[0]) for size in asking] if flattened else []


def _made_here(nodes: Iterator[Node]) -> list[tuple[Node, Node]]:
    """Each tensor that is made of numbers alone, with a tensor of its dtype that is where the inputs are."""
    every = list(nodes)
    inputs = {
        n.meta["val"].dtype: n
        for n in reversed(every)
        if n.target is _ATEN.to.dtype and _root(n).op == "placeholder"
    }
    made = [n for n in every if "device" in n.kwargs and not any(map(_is_tensor, n.all_input_nodes))]
    return [(node, inputs[node.meta["val"].dtype]) for node in made if node.meta["val"].dtype in inputs]


def _is_input(node: object) -> bool:
    return isinstance(node, Node) and node.op == "placeholder" and node.name in ("outputs", "targets")


def _is_tensor(node: Node) -> bool:
    return isinstance(node.meta.get("val"), torch.Tensor)


def _root(node: Node) -> Node:
    """The first input of the first of the nodes that lead to one, each by its first input."""
    while node.all_input_nodes:
        node = node.all_input_nodes[0]
    return node
