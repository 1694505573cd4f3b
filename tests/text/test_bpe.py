"""Byte-pair encoding: merges, ids and files equal those of ``tokenizers``; nothing is ever lost."""

import json
import random
from collections import Counter
from itertools import pairwise

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers, trainers

from aigc_course.errors import UserError
from aigc_course.text.bpe import BPE, BYTES, PATTERNS, _cut

TEXTS = [
    "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。",
    "春江潮水连海平，海上明月共潮生。滟滟随波千万里，何处春江无月明。",
    "The quick brown fox doesn't jump over 12345 dogs;  they'll sleep.\n\n\tdef f(x):  return x",
    "👩‍🚀👩‍🚀🚀 ❤️ café naïve １２３ ①②③ 𠮷𠮷野家",
    "aaaaaaa aaa aaaa aa a bababab abab",
] * 3
ANY = st.text(st.sampled_from("ab春晓 \n'1２é👩") | st.characters(codec="utf-8"), max_size=40)


def oracle(texts, size, specials=(), pattern="gpt4", min_count=2):
    tokenizer = tokenizers.Tokenizer(models.BPE())
    if pattern == "gpt2":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        cut = pre_tokenizers.Split(tokenizers.Regex(PATTERNS[pattern]), "isolated")
        level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=min_count,
        special_tokens=list(specials),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def same(ours, theirs):
    mine, other = ours.to_json()["model"], json.loads(theirs.to_str())["model"]
    assert mine["merges"] == other["merges"]
    assert mine["vocab"] == other["vocab"]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("size", [256, 257, 300, 420])
@pytest.mark.parametrize("specials", [(), ("<|endoftext|>", "<完>")])
def test_merges_and_ids_are_those_of_tokenizers(pattern, size, specials):
    size += len(specials)
    ours = BPE.train(TEXTS, size, specials=specials, pattern=pattern)
    theirs = oracle(TEXTS, size, specials, pattern)
    same(ours, theirs)
    assert len(ours) == size
    for text in [*TEXTS, "没见过的 unseen text… ©", "", " ", "\n\n ", "春" * 100]:
        assert ours.encode(text) == theirs.encode(text).ids
        assert ours.decode(ours.encode(text)) == text


@pytest.mark.parametrize("seed", range(8))
def test_runs_and_ties_are_resolved_as_in_tokenizers(seed):
    rng = random.Random(seed)
    texts = [
        " ".join(
            "".join(rng.choices("ab" if seed % 2 else "abc", k=rng.randint(1, 9))) for _ in range(9)
        )
        for _ in range(40)
    ]
    same(BPE.train(texts, 330, min_count=1), oracle(texts, 330, min_count=1))


def test_min_count_ends_the_training_early():
    ours = BPE.train(["ab ab cd"], 400, min_count=2)
    same(ours, oracle(["ab ab cd"], 400, min_count=2))
    assert len(ours) < 400


def textbook(texts, size, pattern):
    """The same by counting all pairs anew after each merge."""
    words = Counter(w.encode() for text in texts for w in _cut(text, pattern))
    id_of = {token: k for k, token in enumerate(BYTES)}
    rows = [([id_of[bytes([b])] for b in word], count) for word, count in words.items()]
    tokens, merges = list(BYTES), []
    while len(tokens) < size:
        counts = Counter()
        for row, count in rows:
            for pair in pairwise(row):
                counts[pair] += count
        if not counts:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(pair)
        tokens.append(tokens[pair[0]] + tokens[pair[1]])
        for row, _ in rows:
            k = 0
            while k < len(row) - 1:
                if (row[k], row[k + 1]) == pair:
                    row[k : k + 2] = [len(tokens) - 1]
                k += 1
    return tuple(merges)


def test_the_index_gives_what_counting_anew_gives():
    assert BPE.train(TEXTS, 340, min_count=1).merges == textbook(TEXTS, 340, "gpt4")


# --- encoding ----------------------------------------------------------------------------------

TOKENIZER = BPE.train(TEXTS, 400, specials=["<完>", "<完>完"])


@given(ANY)
def test_nothing_is_lost(text):
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text
    assert "".join(_cut(text, "gpt2")) == "".join(_cut(text, "gpt4")) == text


@given(ANY)
def test_the_steps_end_in_the_tokens(text):
    *_, last = TOKENIZER.steps(text)
    assert [TOKENIZER.tokens[k] for k in TOKENIZER.encode(text)] == last


def test_each_step_is_one_merge():
    steps = list(TOKENIZER.steps("春眠不觉晓"))
    assert [len(b"".join(step)) for step in steps] == [15] * len(steps)
    assert steps[0] == [bytes([b]) for b in "春眠不觉晓".encode()]
    assert all(len(one) > len(other) for one, other in pairwise(steps))


def test_a_name_in_the_text_is_text_unless_it_is_asked_for():
    assert 0 not in TOKENIZER.encode("好<完>")
    ids = TOKENIZER.encode("a<完>完a<完>", specials=True)
    assert ids == [*TOKENIZER.encode("a"), 1, *TOKENIZER.encode("a"), 0]  # the longest name first
    assert TOKENIZER.decode(ids) == "a<完>完a<完>"


def test_a_line_of_ten_megabytes():
    text = "春眠不觉晓" * 60_000
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


def test_half_a_character():
    ids = TOKENIZER.encode("猫")
    assert len(ids) == 3
    assert TOKENIZER.decode(ids[:-1]).endswith("\ufffd")
    with pytest.raises(UnicodeDecodeError):
        TOKENIZER.decode(ids[:-1], errors="strict")


@pytest.mark.parametrize("bad", [-1, len(TOKENIZER)])
def test_an_id_that_is_not_there(bad):
    with pytest.raises(ValueError, match=rf"ids: got {bad}"):
        TOKENIZER.decode([bad])


@pytest.mark.parametrize(
    ("texts", "size", "options"),
    [
        (["a"], 255, {}),
        (["a"], 256, {"specials": ["x"]}),
        (["a"], 300, {"specials": ["x", "x"]}),
        (["a"], 300, {"specials": [""]}),
        (["a"], 300, {"pattern": "gpt9"}),
    ],
)
def test_what_cannot_be_trained(texts, size, options):
    with pytest.raises(ValueError, match="got"):
        BPE.train(texts, size, **options)


@pytest.mark.parametrize("texts", [[], [""], ["a"], ["。"], ["\n"]])
def test_hardly_any_text(texts):
    ours = BPE.train(texts, 300)
    assert len(ours) in (256, 257, 258) and ours.decode(ours.encode("春 x")) == "春 x"


# --- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", PATTERNS)
def test_files_go_both_ways(tmp_path, pattern):
    specials = ["<|endoftext|>", "<完>"]
    ours = BPE.train(TEXTS, 350, specials=specials, pattern=pattern)
    path = tmp_path / "我的 分词器.json"
    ours.save(path)
    theirs = tokenizers.Tokenizer.from_file(str(path))
    theirs.save(str(tmp_path / "theirs.json"))
    again = BPE.load(tmp_path / "theirs.json")
    assert BPE.load(path) == again == ours
    for text in [*TEXTS, "新 text 99"]:
        assert theirs.encode(text).ids == again.encode(text) == ours.encode(text)
        assert theirs.decode(theirs.encode(text).ids) == text


def test_merges_written_as_words_are_read_too(tmp_path):
    ours = BPE.train(TEXTS, 300)
    found = ours.to_json()
    found["model"]["merges"] = [" ".join(pair) for pair in found["model"]["merges"]]
    (tmp_path / "t.json").write_text(json.dumps(found), "utf-8")
    assert BPE.load(tmp_path / "t.json") == ours


def broken(change):
    found = BPE.train(TEXTS, 300).to_json()
    change(found)
    return json.dumps(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "不是完整的 JSON"),
        (broken(lambda f: None)[:2000], "不是完整的 JSON"),
        ("[]", "缺了"),
        ("{}", "缺了"),
        (broken(lambda f: f["model"].update(type="WordPiece")), "WordPiece"),
        (broken(lambda f: f["model"].update(end_of_word_suffix="</w>")), "</w>"),
        (broken(lambda f: f.update(normalizer={"type": "NFKC"})), "NFKC"),
        (broken(lambda f: f.update(pre_tokenizer={"type": "Whitespace"})), "Whitespace"),
        (broken(lambda f: f.update(pre_tokenizer=None)), "None"),
        (broken(lambda f: f["pre_tokenizer"]["pretokenizers"].pop(0)), "Sequence"),
        (broken(lambda f: f["model"]["merges"].append(["春", "晓"])), "缺了"),
        (broken(lambda f: f["model"]["vocab"].pop("a")), "连续"),
        (broken(lambda f: f["model"]["vocab"].update({"春": 300})), "缺了"),
    ],
)
def test_a_file_that_is_no_such_tokenizer(tmp_path, text, said):
    path = tmp_path / "坏 的.json"
    path.write_text(text, "utf-8")
    with pytest.raises(UserError, match=r"坏 的\.json") as caught:
        BPE.load(path)
    assert said in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="没有文件"):
        BPE.load(tmp_path / "无.json")
    with pytest.raises(UserError, match="读不了"):
        BPE.load(tmp_path)


@settings(max_examples=30)
@given(st.lists(ANY, max_size=6), st.integers(256, 300))
def test_any_texts_train_as_in_tokenizers(texts, size):
    same(BPE.train(texts, size), oracle(texts, size))
