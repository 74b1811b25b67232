"""The composition root: which front ends, targets, stages and pipelines there are, and the road.

    source -> payload -> pipeline -> stages -> artifact -> device

Everything here is wiring: tables of names, and the order of the calls. Heavy parts (MLIR, a
target) are imported when they are needed, so that fetching code from the cache needs neither.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pharos.core import settings
from pharos.core.artifact import Artifact
from pharos.core.errors import UserError, nearest
from pharos.runtime import ArtifactStore, cache_key

if TYPE_CHECKING:
    from pharos.runtime import Runner

PACKAGE = Path(__file__).parent
TARGETS = {"cpu": "pharos.targets.cpu.target"}
SELECTORS = {"vector-unit": ("pharos.params.vector_unit", "vector_unit")}
STAGES = {"narrow-storage": ("pharos.transform.narrow_storage", "NarrowStorage")}


@dataclass(frozen=True)
class Payload:
    """A program before any stage.

    ``text`` is all that decides its module, for cache keys; ``make`` makes the module;
    ``libraries`` are what it links: "c", "m", "openmp" or paths; ``exports`` are the functions
    that are called from outside, all public ones when empty.
    """

    name: str
    text: str
    make: Callable[[], Any]
    libraries: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    compilation: tuple[Any, ...] = ()

    def module(self) -> Any:
        """The module, its functions private but for ``exports`` where those are given."""
        from pharos import ir

        module = self.make()
        if self.exports:
            ir.export_only(module, self.exports)
        return module


@dataclass(frozen=True)
class Request:
    """What to compile it for and how.

    ``pipeline`` names a descriptor (default: the target's) or a .yaml file; ``stages`` are texts
    of stages, or stages, that take its place; ``parameters`` are values for the descriptor's
    parameters.
    ``driving`` goes to ``Driver.run``: dump_after, dump_dir, start_at, stop_after, replace.
    """

    target: str = "cpu"
    pipeline: str | None = None
    stages: tuple[Any, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    driving: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Built:
    """An artifact, and how it came about.

    ``timings`` are (step, seconds) of the front end, each stage and code generation; none when
    the artifact was ``cached``. ``dumps`` are the files that were asked for.
    """

    artifact: Artifact
    cached: bool = False
    timings: tuple[tuple[str, float], ...] = ()
    dumps: tuple[Path, ...] = ()


Watch = Callable[[str], None]
"""Is told the name of each step before it begins."""

FRONT_END = "front end"
CODE_GENERATION = "code generation"


def target(name: str) -> Any:
    """The module of the target ``name``. Raises UserError that lists the targets."""
    if name not in TARGETS:
        raise UserError(
            f"expected a target among {', '.join(TARGETS)}, found '{name}'",
            hint=nearest(name, TARGETS),
        )
    return _opened(name)


@functools.cache
def _opened(name: str) -> Any:
    module = importlib.import_module(TARGETS[name])
    module.provide(_value_function)
    return module


def _value_function(name: str) -> int | None:
    """Where the function of Lispier's ``(extern :value-ffi)`` with that name is."""
    if not name.startswith("value_"):
        return None
    from pharos.lisp import value_pointers

    return value_pointers.address(name)


@functools.cache
def registry(target_name: str) -> Any:
    """What descriptors may name when they compile for ``target_name``."""
    from pharos.pipeline import Lazy, make_registry

    chosen = target(target_name)
    shared = [(name, Lazy(*place)) for name, place in STAGES.items()]
    return make_registry(
        stages=[*shared, *chosen.stages().items()],
        selectors=[(name, Lazy(*place)) for name, place in SELECTORS.items()],
        descriptors=[chosen.pipelines],
    )


# ---------------------------------------------------------------------------------------------
# Front ends


def read_payload(path: str | Path) -> Payload:
    """The program in the file at ``path``, by its ending: .lisp, .lsp or .mlir.

    Raises UserError for a file that cannot be read, and with places for what is wrong in it.
    """
    path = Path(path)
    readers = {".lisp": _read_lisp, ".lsp": _read_lisp, ".mlir": _read_mlir}
    if path.suffix not in readers:
        raise UserError(
            f"expected a file that ends in {', '.join(readers)}, found '{path}'",
            hint="name the program's file, for instance examples/hello.lisp",
        )
    if not path.is_file():
        raise UserError(f"no such file: {path}")
    return readers[path.suffix](path)


def lisp_payload(text: str, name: str = "<text>") -> Payload:
    """The Lispier program ``text``; errors call it ``name``."""
    from pharos import lisp

    return of_program(lisp.load_text(text, name, engine=macro_engine()), text)


def mlir_payload(text: str, name: str = "<string>") -> Payload:
    """The module that the MLIR text ``text`` describes; errors call it ``name``."""
    from pharos import ir

    return Payload(name, text, lambda: ir.parse(text, file=name))


def _read_lisp(path: Path) -> Payload:
    from pharos import lisp

    program = lisp.load(path, engine=macro_engine())
    texts = [Path(file).read_text(encoding="utf-8") for file in program.files]
    return of_program(program, "\0".join(texts))


def of_program(program: Any, text: str) -> Payload:
    """The loaded Lispier program ``program``; ``text`` is all of its source."""
    from pharos import lisp

    if program.expansions:
        # A macro may expand to something else another time.
        text = "\0".join((text, *map(lisp.to_text, program.forms)))
    libraries = tuple(library.name for library in program.libraries)
    return Payload(
        program.name,
        text,
        lambda: lisp.lower(program),
        libraries,
        compilation=tuple(program.compilation),
    )


@functools.cache
def macro_engine() -> Any:
    """What compiles and runs macros written in Lispier, in a process of its own."""
    from pharos.lisp.macro_engine import MacroEngine
    from pharos.runtime.server import Server

    return MacroEngine(Server(_macro_host), settings.MACRO_SECONDS.get)


def _macro_host() -> Callable[[tuple[Any, ...]], Any]:
    from pharos.lisp.macro_host import MacroHost

    return MacroHost(_callable_macros).answer


def _callable_macros(unit: Any) -> Callable[[str, int], int]:
    from pharos import lisp

    program = lisp.Program(unit.file, forms=list(unit.forms), needed=set(unit.needed))
    payload = Payload(unit.file, unit.text, lambda: lisp.lower(program), unit.libraries, unit.names)
    runner = load(build(payload, Request(pipeline="default")).artifact)
    return lambda name, arguments: int(runner.call(name, arguments))


def _read_mlir(path: Path) -> Payload:
    from pharos import ir

    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: expected MLIR as UTF-8 text, found byte {error.object[error.start]:#04x} at "
            f"offset {error.start}"
        ) from None
    return Payload(str(path), text, lambda: ir.parse_file(path))


# ---------------------------------------------------------------------------------------------
# The road


def plan(request: Request) -> Any:
    """The pipeline that ``request`` asks for, with all parameters filled in."""
    from pharos.pipeline import Descriptor, flatten, load_descriptor, parse_stage

    chosen = target(request.target)
    table = registry(request.target)
    if request.stages:
        declared = tuple(parse_stage(s) if isinstance(s, str) else s for s in request.stages)
        descriptor = Descriptor("command line", declared)
    else:
        descriptor = load_descriptor(request.pipeline or chosen.default_pipeline, table)
    # No selector looks at the payload yet; what inspects it will be passed here.
    return flatten(
        descriptor,
        request.parameters,
        table,
        payload_facts=lambda: None,
        target_facts=chosen.facts(),
    )


def settled(payload: Payload, request: Request) -> Request:
    """``request``, with the program's own passes where it names no pipeline.

    Raises UserError at the block with them when it has none for the target, or when there is no
    such target yet.
    """
    if not payload.compilation or request.pipeline is not None or request.stages:
        return request
    from pharos.lisp.compilation import backends, chosen_block, pipeline

    fitting = [block for block in payload.compilation if request.target in backends(block)]
    block: Any = chosen_block(fitting or payload.compilation)
    known = backends(block)
    if request.target not in known or request.target not in TARGETS:
        raise UserError(
            f"the compilation block is for {', '.join(known)}, and programs run on "
            f"{', '.join(TARGETS)} here; found the target {request.target}",
            span=block.span,
            hint="a pipeline that is named takes the place of the block: --pipeline "
            f"{target(next(iter(TARGETS))).default_pipeline}",
        )
    own = [stage_of(part) for part in pipeline(block, request.target)]
    # A block for the CPU alone says what to do before the usual passes.
    usual = [f"include: {target(request.target).default_pipeline}"]
    return replace(request, stages=(*own, *(usual if block.kind == "compilation-cpu" else ())))


def stage_of(part: Any) -> Any:
    """The stage that a part of a compilation block is, its passes with their places."""
    from pharos.pipeline import Options, parse_stage

    spans = iter(part.spans)

    def placed(one: Any) -> Any:
        nested = tuple(map(placed, one.nested))
        span = nested[0].span if nested else next(spans)
        options = Options(one.options, spans=dict.fromkeys(one.options, span))
        return replace(one, nested=nested, options=options, span=span)

    stage: Any = parse_stage(f"pass: {part.text}")
    return replace(stage, passes=tuple(map(placed, stage.passes)), span=part.spans[0])


def lower(payload: Payload, request: Request, *, watch: Watch | None = None) -> Any:
    """``payload`` after the stages of its pipeline: a ``pipeline.Result``."""
    request = settled(payload, request)
    clock = _Clock(watch)
    module = clock.step(FRONT_END, payload.module)
    return _drive(module, plan(request), request, watch)


def compile(payload: Payload, request: Request | None = None) -> Artifact:
    """Code for ``payload``, from the cache when the same was compiled before.

    Raises UserError with the place in the program for everything the user can mend.
    """
    return build(payload, request).artifact


def cached(payload: Payload, request: Request) -> Artifact | None:
    """What ``compile`` would find in the cache; None when it would have to work."""
    # Whoever asks for dumps or replaces stages wants the stages to run.
    if request.driving:
        return None
    request = settled(payload, request)
    return ArtifactStore(settings.CACHE.get()).get(_key(payload, request))


def build(
    payload: Payload,
    request: Request | None = None,
    *,
    fresh: bool = False,
    watch: Watch | None = None,
) -> Built:
    """``compile``, with an account of it. ``fresh`` compiles even what the cache has."""
    request = settled(payload, request or Request())
    found = None if fresh else cached(payload, request)
    if found is not None:
        return Built(found, cached=True)
    clock = _Clock(watch)
    chosen = target(request.target)
    pipeline = plan(request)
    module = clock.step(FRONT_END, payload.module)
    prepared = chosen.prepare(module)
    prepared["metadata"]["silent"] = bool(payload.compilation)
    result = _drive(module, pipeline, request, watch)
    artifact: Artifact = clock.step(
        CODE_GENERATION, lambda: chosen.finish(result.module, prepared, payload.libraries)
    )
    if not request.driving:
        ArtifactStore(settings.CACHE.get()).put(_key(payload, request), artifact)
    front, finish = clock.timings
    timings = (front, *((t.stage, t.seconds) for t in result.timings), finish)
    return Built(artifact, False, timings, result.dumps)


class _Clock:
    """Announces steps and times them."""

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch
        self.timings: list[tuple[str, float]] = []

    def step(self, name: str, work: Callable[[], Any]) -> Any:
        if self._watch is not None:
            self._watch(name)
        start = time.perf_counter()
        result = work()
        self.timings.append((name, time.perf_counter() - start))
        return result


def load(artifact: Artifact) -> Runner:
    """``artifact`` on its target's device, ready to be called."""
    from pharos.runtime import Runner

    return Runner(target(artifact.target).open_device(), artifact)


def run_main(artifact: Artifact, arguments: Sequence[str] = ()) -> Any:
    """Call the program's ``main``: its result as a value with its type (``dtype``, "" for none).

    ``main`` takes nothing, or the number of ``arguments`` and an array of C strings. What the
    program wrote is flushed before this returns.
    """
    return target(artifact.target).run_main(artifact, arguments)


def _drive(module: Any, pipeline: Any, request: Request, watch: Watch | None = None) -> Any:
    from pharos.pipeline import Driver

    driver = Driver(registry(request.target), target(request.target).facts())
    return driver.run(_watched(pipeline, watch), module, **request.driving)


def _watched(pipeline: Any, watch: Watch | None) -> Any:
    """``pipeline`` with stages that tell ``watch`` their names before they run."""
    if watch is None:
        return pipeline

    def announced(stage: Any) -> Any:
        def run(module: Any, scope: Any) -> Any:
            watch(stage.name)
            return stage.runner(module, scope)

        return replace(stage, runner=run)

    return replace(pipeline, stages=tuple(map(announced, pipeline.stages)))


def _key(payload: Payload, request: Request) -> str:
    # A packaged descriptor is covered by the hash of the package; a file, with what it includes,
    # only by what it flattens to.
    named = not request.stages and not str(request.pipeline or "").endswith((".yaml", ".yml"))
    described = f"{request.pipeline}" if named else plan(request).text()
    return cache_key(
        payload.text,
        described,
        {**request.parameters, "threads": settings.THREADS.get()},
        f"{request.target} {target(request.target).facts().key()}",
        {**_versions(), "links": " ".join(payload.libraries), "exports": " ".join(payload.exports)},
    )


@functools.cache
def _versions() -> dict[str, str]:
    """The tools that shape code. Pharos stands for itself by the hash of its sources."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix in (".py", ".yaml"):
            digest.update(str(path.relative_to(PACKAGE)).encode())
            digest.update(path.read_bytes())
    tools = {name: importlib.metadata.version(name) for name in ("torch-mlir", "llvmlite")}
    return {**tools, "pharos": digest.hexdigest()}
