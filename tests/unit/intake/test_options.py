"""A job's options: the model's with the request's over them, and no topic of the worker's own."""

from __future__ import annotations

import pytest

from connectors.errors import OptionError
from worker.intake.options import job_options

SCHEMA = {"x-batch": {"delimiter": ";", "topic": "orders"}}


def test_the_requests_options_stand_over_the_models() -> None:
    assert job_options("shop", SCHEMA, {"delimiter": "|", "key": "id"}) == {
        "delimiter": "|",
        "topic": "orders",
        "key": "id",
    }
    assert job_options("shop", SCHEMA, {"topic": None}) == {"delimiter": ";"}


@pytest.mark.parametrize("option", ["topic", "dlq_topic"])
@pytest.mark.parametrize("topic", ["shop_abc", "shop_", "shop.jobs", "shop.job-events"])
def test_a_topic_of_the_workers_own_is_refused(option: str, topic: str) -> None:
    with pytest.raises(OptionError) as caught:
        job_options("shop", SCHEMA, {option: topic})
    assert (caught.value.message, caught.value.hint) == (
        f"option `{option}` is `{topic}`, a name that the worker keeps for its own topics",
        "use a name that begins neither with `shop_` nor with `shop.`",
    )


@pytest.mark.parametrize("topic", ["shop", "shops", "my_shop_", "Shop_a", "shop-a"])
def test_names_that_only_look_like_them_are_not(topic: str) -> None:
    assert job_options("shop", SCHEMA, {"topic": topic})["topic"] == topic


def test_a_models_own_topic_is_looked_at_too() -> None:
    with pytest.raises(OptionError, match="`shop_x`"):
        job_options("shop", {"x-batch": {"topic": "shop_x"}}, {})
    with pytest.raises(OptionError, match="`nope`"):
        job_options("shop", SCHEMA, {"nope": 1})
