"""The SM-NAS spaces that differ in how they name and cover modules."""

from searchspaces import make_space

SPACES = {
    "structural": lambda: make_space("smnas-structural"),
    "structural, fixed": lambda: make_space("smnas-structural", input_hw=(96, 96), proposals=9),
    "modular": lambda: make_space("smnas-modular"),
    "modular, c4": lambda: make_space(
        "smnas-modular", structure="resnet18/c4/garpn/cascade3/512x512", input_hw=(96, 96)
    ),
    "modular, c4, retinanet": lambda: make_space(
        "smnas-modular", structure="mobilenetv2/c4/none/retinanet/512x512", input_hw=(96, 96)
    ),
    "modular, two stages": lambda: make_space(
        "smnas-modular", structure="resnext50/P1-P2@256/garpn/2fc/512x512", input_hw=(96, 96)
    ),
}
