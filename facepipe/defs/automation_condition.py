"""When an asset is remade without being asked."""

from typing import Any

import dagster as dg


def in_sync(*, ask_first: bool) -> dg.AutomationCondition[dg.AssetKey]:
    """Remake what is stale as soon as its inputs are ready.

    Args:
        ask_first: Only keep fresh what was made on request before. Pairs need it, because every
            identity crossed with every target is more than anybody wants.
    """
    condition = dg.AutomationCondition
    trigger = condition.code_version_changed() | condition.any_deps_match(
        condition.data_version_changed() | condition.will_be_requested()
    )
    if not ask_first:
        trigger = trigger | condition.newly_missing()
    ready = (
        _since_handled(trigger)
        & ~condition.any_deps_missing()
        & ~condition.any_deps_in_progress()
        & ~condition.in_progress()
    )
    return _labelled(ready & ~condition.missing() if ask_first else ready)


# Dagster's type of these two methods does not reach the operators' results.
def _since_handled(condition: Any) -> dg.AutomationCondition[dg.AssetKey]:
    return condition.since_last_handled()


def _labelled(condition: Any) -> dg.AutomationCondition[dg.AssetKey]:
    return condition.with_label("in_sync")
