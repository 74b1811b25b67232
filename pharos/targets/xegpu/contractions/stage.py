"""The pipeline step: products of f16 and bf16 matrices become XeGPU kernels.

    linalg.generic {acc + a * b} ins(%a, %b) outs(%c)
      ==>
    gpu.launch_func @kernels::@product_0 blocks in (ceil(M / wg_m), ceil(N / wg_n), batch)

The fill before it and the elementwise operation after it move into the kernel. What is no such
product, or so thin that reading the larger factor takes all the time, is left for the stages that
follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.contraction import Contraction
from pharos.targets.common.contractions.gpu_stage import contractions, refused, wanted
from pharos.targets.common.contractions.surroundings import captured, find_finish, find_start
from pharos.targets.common.gpu.kernels import launched
from pharos.targets.xegpu.contractions.ending import Ending, first_sums, read_ending, store_sums
from pharos.targets.xegpu.contractions.kernel import multiply
from pharos.targets.xegpu.contractions.matrices import Product, read_product
from pharos.targets.xegpu.contractions.padding import reachable
from pharos.targets.xegpu.contractions.place import Place
from pharos.targets.xegpu.contractions.tiles import NAMES, Tiles, default_tiles, problems
from pharos.targets.xegpu.facts import CHIPS

# Thinner than this, a product reads its larger factor once: subgroups do as well without tiles.
THIN = 4


@dataclass(frozen=True)
class Site:
    """A product that will be replaced, and everything known about it."""

    contraction: Contraction
    product: Product
    ending: Ending
    tiles: Tiles

    @property
    def replaced(self) -> list[Any]:
        """The operations that the kernel does, the last one first."""
        finish, fill = self.ending.finish, self.ending.start.fill
        own = self.contraction.nest.operation
        return [o for o in (finish and finish.operation, own, fill) if o is not None]


@dataclass(frozen=True)
class XeGpuProducts:
    """Write products of 16-bit matrices as kernels at workgroup level for ``chip``.

    An operation's attribute ``pharos.params`` may set the names of ``tiles.Tiles``.
    """

    name: ClassVar[str] = "xegpu-products"
    chip: str = "bmg"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context, mlir.Location.unknown():
            # All are read before the first is replaced: launches would hide what touches what.
            sites = [site for c in contractions(module) if (site := self._site(c)) is not None]
            for site in sites:
                _replace(site)
        return module

    def _site(self, contraction: Contraction) -> Site | None:
        product = read_product(contraction)
        if product is None or min(product.m, product.n) < THIN:
            return None
        finish = find_finish(contraction)
        ending = read_ending(product, find_start(contraction), finish)
        if ending is None:
            return None
        return Site(contraction, product, ending, self._tiles(contraction, product))

    def _tiles(self, contraction: Contraction, product: Product) -> Tiles:
        values = default_tiles(product.m, product.n).values()
        given = wanted(contraction)
        values.update({name: given[name] for name in NAMES if name in given})
        broken = problems(values, CHIPS[self.chip])
        if broken:
            raise refused(contraction, broken)
        return Tiles(**values)


def _replace(site: Site) -> None:
    anchor, tiles = site.replaced[0], site.tiles
    with anchor.location, mlir.InsertionPoint(anchor):
        product, made = reachable(site.product, tiles)
    hosts = _operands(site, product)
    grid = (-(-product.m // tiles.wg_m), -(-product.n // tiles.wg_n), product.batch)
    block = (tiles.subgroups * 16,)
    with launched(anchor, "product", hosts, grid=grid, block=block) as kernel:
        arguments = dict(zip(hosts, kernel.arguments, strict=True))
        place = Place(product, tiles, arguments, site.ending.matrices(product.c))
        sums = multiply(place, first_sums(place, site.ending))
        store_sums(place, site.ending, sums)
    with anchor.location, mlir.InsertionPoint(anchor):
        for buffer in made:
            dialect("memref").DeallocOp(buffer)
    for operation in site.replaced:
        operation.erase()


def _operands(site: Site, product: Product) -> list[Any]:
    """The host's values that the kernel needs: buffers, and scalars that are no constants."""
    ending = site.ending
    found = [m.buffer for m in (product.a, product.b, *ending.matrices(product.c))]
    outside = captured(site.contraction, ending.start, ending.finish)
    found += [v for v in outside if not isinstance(v.type, mlir.MemRefType)]
    return list(dict.fromkeys(found))
