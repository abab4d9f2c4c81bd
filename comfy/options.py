"""Whether `comfy.cli_args` reads the process's real arguments.

Packs and tools that embed the server call `enable_args_parsing()` before they import `comfy.cli_args`;
without it every flag has its default, so importing us inside another program never touches that program's
command line.
"""

args_parsing = False


def enable_args_parsing(enable: bool = True) -> None:
    """Lets a later import of `comfy.cli_args` parse `sys.argv`."""
    global args_parsing
    args_parsing = enable
