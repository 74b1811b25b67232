"""Pipelines: descriptors, the three forms of a stage, and the driver that runs them.

A descriptor (`load_descriptor`, `from_yaml`) declares parameters and stages. `flatten` fills in
the parameters, opens the includes and checks everything; the `Pipeline` it gives is explained
(`Pipeline.explain`), saved (`to_yaml`) or run (`Driver.run`). A stage is a text (`parse_stage`,
``str(stage)``), YAML (`stage_from_yaml`, `stage_to_yaml`) or a frozen dataclass. What a descriptor
may name besides MLIR's passes is in a `Registry`, which is passed in.
"""

from pharos.pipeline.descriptor import Descriptor, from_yaml
from pharos.pipeline.driver import Driver, Result, StageTime
from pharos.pipeline.flatten import flatten
from pharos.pipeline.grammar import parse_assignment, parse_stage, parse_value
from pharos.pipeline.parameters import UNSET, Parameter
from pharos.pipeline.pipeline import (
    Binding,
    Origin,
    Pipeline,
    ResolvedStage,
    Stage,
    StageScope,
    to_descriptor,
    to_yaml,
)
from pharos.pipeline.registry import (
    Candidate,
    Choice,
    Lazy,
    MotifChoice,
    Registry,
    make_registry,
    merge_registries,
)
from pharos.pipeline.reproducer import versions
from pharos.pipeline.search import load_descriptor
from pharos.pipeline.stages import (
    CustomStage,
    DeclaredStage,
    IncludeStage,
    Pass,
    PassStage,
    ScheduleStage,
    SelectStage,
    TransformStage,
)
from pharos.pipeline.values import Options, Reference, Value, format_value
from pharos.pipeline.yaml_form import stage_from_yaml, stage_to_yaml

__all__ = [
    "UNSET",
    "Binding",
    "Candidate",
    "Choice",
    "CustomStage",
    "DeclaredStage",
    "Descriptor",
    "Driver",
    "IncludeStage",
    "Lazy",
    "MotifChoice",
    "Options",
    "Origin",
    "Parameter",
    "Pass",
    "PassStage",
    "Pipeline",
    "Reference",
    "Registry",
    "ResolvedStage",
    "Result",
    "ScheduleStage",
    "SelectStage",
    "Stage",
    "StageScope",
    "StageTime",
    "TransformStage",
    "Value",
    "flatten",
    "format_value",
    "from_yaml",
    "load_descriptor",
    "make_registry",
    "merge_registries",
    "parse_assignment",
    "parse_stage",
    "parse_value",
    "stage_from_yaml",
    "stage_to_yaml",
    "to_descriptor",
    "to_yaml",
    "versions",
]
