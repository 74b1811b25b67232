"""pharos kernel-bench: the command; what it asks of the harness is put together in asked.py."""

from __future__ import annotations

import typer

from pharos.tools import options
from pharos.tools.kernel_bench import choices


def kernel_bench(
    problems: choices.Problems = None,
    target: choices.Target = None,
    kernelbench: choices.KernelBench = None,
    max_mb: choices.MaxMb = None,
    max_gflop: choices.MaxGflop = None,
    set_: choices.Set = None,
    init_args: choices.InitArgs = None,
    inputs: choices.Inputs = None,
    dtype: choices.Dtype = "f32",
    mode: choices.Mode = None,
    seed: options.Seed = 0,
    seeds: choices.Seeds = 3,
    rtol: choices.Rtol = None,
    atol: choices.Atol = None,
    benchmark: choices.Benchmark = None,
    compare: choices.Compare = None,
    runs: choices.Runs = 20,
    warmup: choices.Warmup = 3,
    seconds: choices.Seconds = 10,
    pipeline: options.Pipeline = None,
    stage: options.Stage = None,
    parameter: options.Parameter = None,
    plan: choices.Plan = None,
    plan_out: choices.PlanOut = None,
    jobs: choices.Jobs = 1,
    time_limit: choices.TimeLimit = 600,
    compile_limit: choices.CompileLimit = 60,
    memory_limit: choices.MemoryLimit = 0,
    run: choices.RunDir = None,
    retry: choices.Retry = False,
    against: choices.Against = None,
    report: choices.Report = None,
    dump_after: choices.DumpAfter = None,
    dump_dir: choices.DumpDir = None,
    assembly: choices.Assembly = False,
    object_: choices.Object = False,
    print_: choices.Print = 0,
    as_json: options.Json = False,
) -> None:
    """Compile, check and time problems of KernelBench.

    Each runs in a process of its own; what goes wrong there is a row of the report. The exit
    status is 0 when every problem was correct, 3 when one was not. An interrupted run goes on
    with --run DIR. Without a PROBLEM, --run DIR prints that run.

    \b
    Examples:
      pharos kernel-bench level1/19 level3/LeNet5
      pharos kernel-bench level1 --no-benchmark --jobs 2 --run runs/today
      pharos kernel-bench all --kernelbench ~/KernelBench --max-mb 256 --compare inductor
      pharos kernel-bench model.py --set batch_size=4 --dump-after all --assembly
      pharos kernel-bench --run runs/today --against runs/yesterday --report runs/today/page
    """
    from pharos.tools.kernel_bench import asked, limits, overrides, running

    stages = options.Stages(target or "", pipeline, stage, parameter)
    shape = asked.Shape(dtype, mode, seed, seeds, rtol, atol, max_mb, max_gflop, print_)
    how = asked.options(
        shape,
        stages,
        plan,
        overrides.overrides(set_, init_args, inputs),
        asked.Timed(benchmark, tuple(compare or ()), runs, warmup, seconds),
    )
    allowed = limits.limits(time_limit, compile_limit, memory_limit, jobs)
    files = asked.Files(tuple(dump_after or ()), dump_dir, assembly, object_, plan_out)
    wanted = running.Asked(
        tuple(problems or ()), kernelbench, run, against, report, jobs, retry, allowed
    )
    status = running.run(wanted, how, files, as_json=as_json)
    if status:
        raise typer.Exit(status)
