"""What a person does about the codes of witnesses, who cosign the checkpoints of the ledgers."""

from shared.foundation.codes import LOGGED, REFUSED, code

CODES = (
    code(REFUSED, "no_such_witness", "There is no such witness, or it is another customer's.", "List the witnesses."),
    code(
        REFUSED,
        "too_many_witnesses",
        "A customer has as many witnesses as are asked for one.",
        "Remove one that does not answer any more.",
    ),
    code(
        LOGGED,
        "witness_fails",
        "A customer's witness does not resolve, or answers our checkpoint with a refusal.",
        "Ask its operator. At 403 or 404 the witness must first trust our log's keys: `GET /api/witnesses` lists them.",
        "The witness is asked again each hour, and nothing waits for it.",
    ),
    code(
        LOGGED,
        "witness_contradicts",
        "A witness has seen another log than the anchors hold: they were cut off or rewritten, or the witness errs.",
        "Compare the anchors with every checkpoint that customers have kept, and see who could write to their place.",
        "The witness is asked again each hour.",
    ),
)
