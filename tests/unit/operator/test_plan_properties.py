"""What holds for every plan, whatever is asked and whatever there is."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval_operator.facts import KNOWN_MODELS
from retrieval_operator.plan import Ask, Budget, GpuAsk, Plan, Refusal, plan
from retrieval_operator.plan.sizes import TIDY, tidy_down, tidy_up
from retrieval_operator.spec.choices import Precision, Profile
from tests.support.planning import ask, cluster, cpu_node, gpu_node, machine

patient = settings(deadline=None)
"""The search for remedies plans hundreds of times; a loaded machine is no failure."""

MODELS = st.sampled_from(sorted(model.name for model in KNOWN_MODELS.values()))
CAPABILITIES = st.sampled_from(["7.0", "7.5", "8.0", "8.6", "9.0", "12.0"])
MEMORY_MIB = st.integers(1500, 200_000)
MAYBE_TOKENS = st.none() | st.integers(8, 40_000)


@st.composite
def asks(draw: st.DrawFn, *, gpu: bool = True) -> Ask:
    wish = ask(
        draw(MODELS),
        gpu=GpuAsk() if gpu else None,
        profile=draw(st.sampled_from(Profile)),
        precision=draw(st.sampled_from([Precision.AUTO, Precision.FP32, Precision.BF16])),
        max_input_tokens=draw(MAYBE_TOKENS),
        max_queue_tokens=draw(st.none() | st.integers(50_000, 10**7)),
        workers=draw(st.none() | st.integers(1, 16)),
    )
    batch = draw(MAYBE_TOKENS)
    return (
        wish
        if batch is None or batch < (wish.max_input_tokens or 0)
        else replace(wish, max_batch_tokens=batch)
    )


def answer(wish: Ask, inventory) -> Plan | Refusal:
    return plan(wish, KNOWN_MODELS[wish.uri.removeprefix("hf://").lower()], inventory)


def budgets(result: Plan | Refusal) -> list[Budget]:
    if isinstance(result, Refusal):
        return [result.budget] if result.budget else []
    return [budget for budget in (result.gpu_memory, result.memory) if budget]


@patient
@given(asks(), MEMORY_MIB, CAPABILITIES)
def test_a_plan_never_exceeds_its_budget(wish, memory_mib, capability):
    result = answer(wish, cluster(gpu_node(memory_mib, capability=capability)))
    for budget in budgets(result):
        assert budget.fits is isinstance(result, Plan)


@patient
@given(asks(), MEMORY_MIB, st.integers(1, 100_000), CAPABILITIES)
def test_more_memory_never_gives_a_smaller_batch(wish, memory_mib, more_mib, capability):
    small = answer(wish, cluster(gpu_node(memory_mib, capability=capability)))
    large = answer(wish, cluster(gpu_node(memory_mib + more_mib, capability=capability)))
    if isinstance(small, Plan):
        assert isinstance(large, Plan)
        assert large.max_batch_tokens.value >= small.max_batch_tokens.value


@patient
@given(asks(gpu=False), st.integers(1, 128), st.integers(1, 64))
def test_more_main_memory_never_gives_a_smaller_batch(wish, memory_gib, more_gib):
    small = answer(wish, machine(4, memory_gib))
    large = answer(wish, machine(4, memory_gib + more_gib))
    if isinstance(small, Plan):
        assert isinstance(large, Plan)
        assert large.max_batch_tokens.value >= small.max_batch_tokens.value


@patient
@given(asks(), st.integers(8, 16_000), st.integers(1, 16_000), CAPABILITIES)
def test_longer_inputs_never_need_less_memory_for_as_large_a_batch(wish, length, more, capability):
    inventory = cluster(gpu_node(10**7, capability=capability))
    short, long = (
        answer(replace(wish, max_input_tokens=size, max_batch_tokens=32_768), inventory)
        for size in (length, length + more)
    )
    if not isinstance(short, Plan) or not isinstance(long, Plan):
        return
    if long.room.batch_tokens >= short.room.batch_tokens:
        assert long.device_memory.total_bytes >= short.device_memory.total_bytes


@patient
@given(asks(), MEMORY_MIB, CAPABILITIES)
def test_the_same_question_has_the_same_answer(wish, memory_mib, capability):
    inventory = cluster(gpu_node(memory_mib, capability=capability), cpu_node())
    assert answer(wish, inventory) == answer(wish, inventory)


@patient
@given(asks(), st.permutations([15_360, 23_034, 81_920]))
def test_the_order_of_nodes_does_not_matter(wish, sizes):
    nodes = [gpu_node(size, product=f"GPU-{size}") for size in sizes]
    assert answer(wish, cluster(*nodes)) == answer(wish, cluster(*sorted(nodes, key=repr)))


@patient
@given(asks(), MEMORY_MIB, CAPABILITIES)
def test_every_proposed_change_fits(wish, memory_mib, capability):
    result = answer(wish, cluster(gpu_node(memory_mib, capability=capability)))
    if isinstance(result, Refusal):
        assert result.remedies
        for remedy in result.remedies:
            assert isinstance(answer(remedy.ask, remedy.inventory), Plan), remedy.text


@patient
@given(asks(gpu=False), st.integers(1, 8))
def test_every_change_proposed_for_a_cpu_fits(wish, memory_gib):
    result = answer(wish, machine(2, memory_gib))
    if isinstance(result, Refusal):
        assert result.remedies
        for remedy in result.remedies:
            assert isinstance(answer(remedy.ask, remedy.inventory), Plan), remedy.text


@patient
@given(asks(), MEMORY_MIB, CAPABILITIES)
def test_every_term_has_a_basis_and_no_name_twice(wish, memory_mib, capability):
    for budget in budgets(answer(wish, cluster(gpu_node(memory_mib, capability=capability)))):
        names = [term.name for term in budget.terms]
        assert len(names) == len(set(names))
        assert all(term.basis and term.bytes >= 0 for term in budget.terms)


@patient
@given(asks(), MEMORY_MIB, CAPABILITIES)
def test_the_bounds_of_a_plan_agree_with_one_another(wish, memory_mib, capability):
    result = answer(wish, cluster(gpu_node(memory_mib, capability=capability)))
    if isinstance(result, Plan):
        assert result.max_input_tokens.value <= result.max_batch_tokens.value
        assert result.max_batch_tokens.value <= result.max_queue_tokens.value
        assert result.max_batch_size.value >= 1
        assert result.workers.value >= 1
        assert result.memory_bytes.value >= result.memory.planned_bytes


@patient
@given(st.floats(1, 2**29))
def test_tidy_numbers_bracket_an_amount(amount):
    assert tidy_up(amount) >= amount or tidy_up(amount) == TIDY[-1]
    assert tidy_down(amount) <= amount or tidy_down(amount) == TIDY[0]


@patient
@given(st.floats(0, 2**31), st.floats(0, 2**31))
def test_tidying_keeps_order(one, other):
    low, high = sorted((one, other))
    assert tidy_up(low) <= tidy_up(high)
    assert tidy_down(low) <= tidy_down(high)
