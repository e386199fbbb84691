"""What goes wrong with a workspace's models: as the command line says it, and in the words of pages, which know no options."""

from __future__ import annotations

from detector.errors import N_

GONE = N_("The model in use, {path}, is gone. Restore it from a backup, or `roaddamage rollback`.")
BEFORE_GONE = N_(
    "The model before, {path}, is gone. Restore it from a backup, or give --past-missing to return to the last one that is"
    " there."
)
NOT_BETTER = N_("Not promoted; {name} stays in use. --force promotes it all the same, with a reason.")
OTHER_TEST = N_(
    "The test part of {path} is not the one that promotions went by until now. Give the dataset that has it, or --new-test to"
    " go by this one from now on."
)
IN_PAGE = {
    GONE: N_(
        "The file of the model in use, {path}, is gone: no drive can be run. Restore it from a backup, or roll back on the"
        " page of the models."
    ),
    BEFORE_GONE: N_(
        "The file of the model before, {path}, is gone too. Restore it from a backup, or pass over models whose files are"
        " gone."
    ),
    NOT_BETTER: N_("Not put in use: {name} stays."),
    OTHER_TEST: N_(
        "Earlier models were compared on another test part than that of {path}. Train with the dataset that has it, or say"
        " that this one counts from now on."
    ),
}
