"""P2 to P6 of one architecture of one family, Cairn against the family's pyramid."""

from cairn import describe, extract_levels
from check_backbone import compare_levels
from check_family import LARGE_SIDE, SIDES
from compare import levels_with_same_bits
from formats import save
from pyramids import PYRAMIDS

PYRAMID_LEVELS = ("P2", "P3", "P4", "P5", "P6")


def check_pyramid(results, scratch, family, architecture, quick):
    case = f"fpn/{family}/{architecture}"
    if not results.wants(case):
        return
    entry = PYRAMIDS[family]
    first, *others = entry.files[architecture]
    sides = SIDES[:1] if quick else SIDES if architecture != entry.large else (*SIDES, LARGE_SIDE)
    levels = PYRAMID_LEVELS[entry.finest - 2 :]
    with results.case(case), scratch.folder() as folder:
        image, pixels = scratch.photo(SIDES[0])
        network = entry.build(architecture, pixels)
        asked = dict(model=f"{family}-{architecture}", weights=save(network, folder, first))
        outputs = {}
        for side in sides:
            image, pixels = scratch.photo(side)
            reference = network.run(pixels).levels
            expected = {name: reference[name] for name in levels}
            outputs[side] = extract_levels(image, folder, levels=levels, side=side, **asked)
            worst = compare_levels(results, f"{case}/{side}", outputs[side], expected)
            results.add_row("pyramid", family=family, architecture=architecture, side=side, **worst)

        side = SIDES[0]
        image, pixels = scratch.photo(side)
        reference = network.run(pixels).levels
        together = {name: reference[name] for name in ("C4", f"P{max(3, entry.finest)}")}
        mixed = extract_levels(image, folder, levels=list(together), side=side, **asked)
        compare_levels(results, f"{case}/{side} with a level of the backbone", mixed, together)
        by_default = extract_levels(image, folder, side=side, **asked)
        if entry.finest == 2:
            same = levels_with_same_bits(by_default, outputs[side])
            results.check(f"{case} is taken where no levels are asked", same, " ".join(sorted(by_default)))
            described = describe(asked["model"], side)["pyramid"]
            found, expected = described["parameters"], network.pyramid_parameters()
            results.check(f"{case} parameters", found == expected, str(found))
            shapes = {level["name"]: level["shape"] for level in described["levels"]}
            expected = {name: list(reference[name].shape) for name in levels}
            results.check(f"{case} shapes", shapes == expected, str(shapes))
        else:
            backbone = sorted(by_default) == ["C2", "C3", "C4", "C5"]
            results.check(f"{case} is not taken where no levels are asked", backbone, " ".join(sorted(by_default)))
        for other in [] if quick else others:
            with results.case(f"{case} {other}"), scratch.folder() as other_folder:
                asked["weights"] = save(network, other_folder, other)
                again = extract_levels(image, other_folder, levels=levels, side=side, **asked)
                results.check(f"{case} {other} gives the same bits", levels_with_same_bits(again, outputs[side]))
