# SPDX-License-Identifier: Apache-2.0
"""Kernel calls of the layers before a split: one call per layer for all branches, with a table of parameters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from intarsia import ops, stitching
from intarsia.ir import ABSENT, Graph, Node, Tensor
from intarsia.kernelcall import Alias, KernelCall, Param, Step
from intarsia.ops._movement import Movement, Strides, copy
from intarsia.plan import arena, memory
from intarsia.plan.branches import CROP, Branches, expand, filled, kept
from intarsia.plan.head import Tiling


@dataclass(frozen=True, eq=False)
class LayerCalls:
    """What one layer of the network does in a branch: crops of its inputs, its own calls, and for the last layer the
    copy of the patch into the split map. `aliases` are maps that are the same bytes, `macs` the sum over branches."""

    layer: int
    crops: tuple[KernelCall, ...]
    own: tuple[KernelCall, ...]
    stitch: tuple[KernelCall, ...]
    aliases: tuple[Alias, ...]
    macs: int

    @property
    def calls(self) -> tuple[KernelCall, ...]:
        return (*self.crops, *self.own, *self.stitch)

    def renumbered(self, number: Callable[[int], int]) -> LayerCalls:
        """The same with other numbers of tensors."""

        def calls(old: tuple[KernelCall, ...]) -> tuple[KernelCall, ...]:
            return tuple(
                replace(
                    call, inputs=tuple(map(number, call.inputs)), outputs=tuple(map(number, call.outputs))
                )
                for call in old
            )

        aliases = tuple(Alias(number(alias.source), number(alias.target)) for alias in self.aliases)
        return LayerCalls(
            self.layer, calls(self.crops), calls(self.own), calls(self.stitch), aliases, self.macs
        )


@dataclass(frozen=True, eq=False)
class Stage1:
    """The lowered branches of one class.

    Tensors are numbered as in the network from `base` on, those of branches alone behind the network's; what all
    classes share keeps its number: the split map, and an input that lies in the arena. `scope` is part of the names of
    scratch.
    """

    branches: Branches
    layers: tuple[LayerCalls, ...]
    base: int = 0
    scope: str = ""

    @property
    def tiling(self) -> Tiling:
        return self.branches.tiling

    def number(self, tensor: int) -> int:
        """The number of a tensor of the branches in the firmware."""
        return tensor if tensor in _shared(self.tiling) else self.base + tensor

    def inner(self, number: int) -> int:
        """Inverse of `number`."""
        return number if number in _shared(self.tiling) else number - self.base

    def tensor(self, number: int) -> Tensor:
        """A tensor as the first branch has it."""
        return self.branches.graphs[0].tensor(self.inner(number))

    def size(self, number: int) -> int:
        """Bytes of the largest part of a feature map that lies in memory at once; the split map is there as a whole."""
        graph, tensor, split = self.tiling.head.graph, self.inner(number), self.tiling.head.tensor
        if tensor == split:
            return graph.tensor(tensor).bytes
        if tensor in self.tiling.rows[0]:
            whole, (rows, columns) = graph.tensor(tensor), self.tiling.held
            extents = [(rows[r][tensor].size, columns[c][tensor].size) for r, c in self.branches.places]
            return max(whole.dtype.storage((1, *extent, whole.shape[3])) for extent in extents)
        return max(branch.tensor(tensor).bytes for branch in self.branches.graphs)

    def task(self, layer: LayerCalls, own: Sequence[arena.Use]) -> arena.Task:
        """What a layer does to memory with kernels of these needs for its own calls."""
        task = arena.task(layer.layer, layer.own, own, layer.aliases)
        moves = (*layer.crops, *layer.stitch)
        # later branches read the input: no layer may write over it
        held = [self.number(t) for t in self.tiling.head.graph.inputs]
        return replace(
            task,
            inplace=tuple(pair for pair in task.inplace if pair[0] not in held),
            reads=(*(t for call in moves for t in call.inputs), *task.reads),
            writes=(*(t for call in moves for t in call.outputs), *task.writes),
            scope=self.scope,
        )

    def portable_tasks(self) -> list[arena.Task]:
        """What the layers do to memory with portable kernels."""
        return [self.task(layer, [arena.portable(call) for call in layer.own]) for layer in self.layers]

    def lifetimes(self) -> arena.Lifetimes:
        """Of these branches alone: the split map lives through all of them, and so does an input in the arena."""
        return Stages((self,)).lifetimes(alone=True)


@dataclass(frozen=True, eq=False)
class Stages:
    """The layers before the split: `forms` for each class of patches. `decided`: a rule says in every inference which
    form a patch takes; otherwise each form has the branches that it is for."""

    forms: tuple[Stage1, ...]
    decided: bool = False

    @property
    def tiling(self) -> Tiling:
        return self.forms[0].tiling

    @property
    def layers(self) -> int:
        return len(self.forms[0].layers)

    def form_of(self, number: int) -> Stage1:
        """The form that a tensor belongs to; the first for what they share."""
        mine = [form for form in self.forms[1:] if number not in _shared(self.tiling) and number >= form.base]
        return mine[-1] if mine else self.forms[0]

    def size(self, number: int) -> int:
        """Bytes of a tensor; those behind the split have the network's numbers."""
        return self.form_of(number).size(number)

    def lifetimes(self, *, alone: bool = False) -> arena.Lifetimes:
        """One form runs behind the other in the plan of the arena, where a device runs one of them for each patch.

        The split map lives through all branches, and so does an input in the arena. `alone` leaves out the layers
        behind the split.
        """
        graph, split = self.tiling.head.graph, self.tiling.head.tensor
        last = self.layers * len(self.forms)
        outputs = (split,) if alone else graph.outputs
        if self.tiling.input_mode == "arena":
            held = {split: (1, last), **dict.fromkeys(graph.inputs, (0, last))}
            return arena.Lifetimes(graph.inputs, outputs, held)
        begins = [1 + place * self.layers for place in range(len(self.forms))]
        read = {
            form.number(t): (begin, begin)
            for form, begin in zip(self.forms, begins, strict=True)
            for t in graph.inputs
        }
        return arena.Lifetimes((), outputs, {split: (1, last), **read})

    def arena(
        self,
        before: Sequence[Sequence[arena.Task]],
        behind: Sequence[arena.Task],
        *,
        alone: bool = False,
        outside: Collection[int] = (),
    ) -> tuple[tuple[memory.Buffer, ...], memory.Placement]:
        """The arena for the tasks of each form and of the layers behind the split, without what lies `outside`. It does
        for whatever class a patch is of; what a reader fetched lies in one place where the rule looks at it first."""
        tasks = [task for form in before for task in form] + list(behind)
        fixed: list[memory.Share] = []
        if self.decided and self.tiling.input_mode == "reader":
            (source,) = self.tiling.head.graph.inputs
            first, *others = (f"t{form.number(source)}" for form in self.forms)
            fixed = [memory.Share(first, other, optional=False, kept=False) for other in others]
        return arena.plan(tasks, self.lifetimes(alone=alone), self.size, fixed, outside)


def _shared(tiling: Tiling) -> frozenset[int]:
    """Tensors that branches of all classes have in common."""
    inputs = tiling.head.graph.inputs if tiling.input_mode == "arena" else ()
    return frozenset((tiling.head.tensor, *inputs))


def stages(tiling: Tiling) -> Stages:
    """The layers before the split of a network, in as many forms as its patches have classes.

    Raises ValueError when branches would need different code, or when the classes belong to other patches.
    """
    classes = tiling.head.graph.classes
    if classes is None:
        return Stages((lower(tiling),))
    if (classes.split_after, classes.grid) != (tiling.head.split_after, tiling.grid):
        rows, columns = classes.grid
        raise ValueError(
            f"its patches have classes in a grid of {rows}x{columns} after layer {classes.split_after}"
        )
    everything = range(len(classes.members))
    decided = classes.rule is not None
    normal, outlier = (
        [place for place in everything if decided or classes.members[place] == which]
        for which in (False, True)
    )
    first = lower(tiling, normal)
    second = lower(
        stitching.outlier_tiling(tiling), outlier, base=len(first.branches.graphs[0].tensors), scope="o"
    )
    return Stages((first, second), decided)


def lower(tiling: Tiling, chosen: Sequence[int] | None = None, *, base: int = 0, scope: str = "") -> Stage1:
    """Calls of all layers before the split for all branches, or for the `chosen` ones, as one class of patches.

    Raises ValueError when branches would need different code.
    """
    branches = expand(tiling, chosen)
    last = tiling.head.split_after
    numbers = Stage1(branches, (), base, scope)
    layers = []
    for layer in range(last + 1):
        *crops, own = branches.nodes_of(layer)
        steps = _steps(branches, own)
        calls = LayerCalls(
            layer,
            tuple(_crop(branches, node) for node in crops),
            tuple(step for step in steps if isinstance(step, KernelCall)),
            (_stitch(branches),) if layer == last else (),
            tuple(step for step in steps if isinstance(step, Alias)),
            sum(_macs(graph.nodes[own], graph) for graph in branches.graphs),
        )
        layers.append(calls.renumbered(numbers.number))
    return replace(numbers, layers=tuple(layers))


def own_calls(branches: Branches, layer: int) -> list[KernelCall]:
    """The calls of one layer before the split, without the copies of what it reads and of the patch that it makes."""
    steps = _steps(branches, branches.nodes_of(layer)[-1])
    return [step for step in steps if isinstance(step, KernelCall)]


def _places(branches: Branches, node: int) -> list[tuple[Node, Graph]]:
    return [(graph.nodes[node], graph) for graph in branches.graphs]


def _steps(branches: Branches, node: int) -> list[Step]:
    """The steps of a node, merged over branches. Branches of equal extents are lowered once."""
    places = _places(branches, node)
    count = len(branches.tiling.head.graph.tensors)
    kinds = [_signature(node, graph, count) for node, graph in places]
    unique = dict(zip(kinds, places, strict=True))
    operator = ops.registry()[places[0][0].op]
    lowered = dict(zip(unique, operator.lower_alike(list(unique.values())), strict=True))
    merged: list[Step] = []
    for several in zip(*(lowered[kind] for kind in kinds), strict=True):
        aliases = [step for step in several if isinstance(step, Alias)]
        merged.append(aliases[0] if aliases else merge([s for s in several if isinstance(s, KernelCall)]))
    return merged


def _signature(node: Node, graph: Graph, count: int) -> Hashable:
    """What a node's calls depend on, of all that differs between branches: constants from `count` on are their own."""
    operands = [t for t in (*node.inputs, *node.outputs) if t != ABSENT]
    own = [graph.tensor(t).data for t in operands if t >= count]
    geometry = tuple(data.tobytes() for data in own if data is not None)
    return node.attrs, tuple(graph.tensor(t).shape for t in operands), geometry


def _crop(branches: Branches, node: int) -> KernelCall:
    """The copy of what a layer needs out of a map that holds more, in every branch."""
    operator = ops.registry()[CROP]
    assert isinstance(operator, Movement)
    return merge([operator.copies(*place)[0] for place in _places(branches, node)])


def _stitch(branches: Branches) -> KernelCall:
    """The copy of a patch to its place in the split map."""
    tiling = branches.tiling
    target = tiling.head.tensor
    whole = tiling.head.graph.tensor(target)
    _, _, width, depth = whole.shape
    channels = whole.dtype.slots(depth)
    calls = []
    for (row, column), graph in zip(branches.places, branches.graphs, strict=True):
        _, rows, columns = filled(tiling, row, column)
        _, first_row, first_column = (part.start or 0 for part in kept(tiling, row, column))
        made = graph.tensor(branches.patch).shape[2]
        loop = Strides(
            (1, 1, 1, 1, rows.stop - rows.start, (columns.stop - columns.start) * channels),
            (0, 0, 0, 0, made * channels, 1),
            (0, 0, 0, 0, width * channels, 1),
            (first_row * made + first_column) * channels,
            (rows.start * width + columns.start) * channels,
        )
        calls.append(copy(branches.patch, target, graph, loop))
    return merge(calls)


def _macs(node: Node, graph: Graph) -> int:
    return ops.registry()[node.op].macs(node, graph)


def merge(calls: Sequence[KernelCall]) -> KernelCall:
    """One call for all branches. Raises ValueError when they differ in more than parameters.

    Where some branch cannot work in place, none does.
    """
    first = calls[0]
    for call in calls[1:]:
        if (call.contract, call.inputs, call.outputs) != (first.contract, first.inputs, first.outputs):
            raise ValueError(f"branches need both {first.contract} and {call.contract}")
        for mine, theirs in zip(first.constants, call.constants, strict=True):
            if mine.data is not theirs.data and not np.array_equal(mine.data, theirs.data):
                raise ValueError(f"branches need different '{mine.name}' for {first.contract}")
    inplace = tuple(pair for pair in first.inplace if all(pair in call.inplace for call in calls))
    separate = [call for call in calls if not call.inplace]
    scratch = [call.scratch for call in separate or calls if call.scratch is not None]
    return replace(
        first,
        scratch=max(scratch) if scratch else first.scratch,
        inplace=inplace,
        macs=sum(call.macs for call in calls),
        variants=variants_of([call.params for call in calls]),
    )


def variants_of(params: Sequence[Mapping[str, Param]]) -> tuple[Mapping[str, Param], ...]:
    """`KernelCall.variants` for the parameters of branches: none where they never change.

    A single branch that reads a part of its input counts, too: kernels for whole layers know no negative borders.
    """
    alike = all(own == params[0] for own in params)
    crops = any(
        isinstance(value := params[0].get(side, 0), int) and value < 0 for side in ("pad_top", "pad_left")
    )
    return () if alike and not crops else tuple(params)
