"""What is said of many jobs of one command."""

from medusa.commands.several import to_many
from medusa.errors import UserError
from medusa.model import Job, JobState, Order


def job(number: int) -> Job:
    return Job(number, JobState.CANCELLED, Order("https://a.b"), 1, 10, 0.0)


async def test_jobs_that_end_by_themselves_just_then_are_counted_among_the_rest() -> None:
    async def refuse(number: int) -> Job:
        if number == 2:
            return job(number)
        raise UserError(f"Job #{number} has already ended: done.")

    assert await to_many([1, 2, 3], refuse, [1, 2, 3], others="no job under way") == (
        "Job #2 is cancelled.\n2 of these numbers belong to no job under way."
    )
    assert await to_many([1, 3], refuse, [1, 3], others="no job under way") == (
        "2 of these numbers belong to no job under way."
    )
