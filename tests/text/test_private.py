"""Private data: check digits by their laws, forms by examples that are and that are not."""

import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.text.private import (
    KINDS,
    Found,
    find,
    id_card_is_valid,
    luhn_is_valid,
    score,
    scrub,
)


@st.composite
def id_cards(draw):
    province = draw(st.sampled_from(["11", "31", "44", "65", "82"]))
    born = draw(st.dates(datetime.date(1900, 1, 1), datetime.date(2024, 12, 31)))
    front = f"{province}{draw(st.integers(0, 9999)):04}{born:%Y%m%d}{draw(st.integers(0, 999)):03}"
    front = front.zfill(17)
    # by the definition in the standard, not by the table of remainders
    total = sum(int(digit) * pow(2, 17 - k, 11) for k, digit in enumerate(front))
    check = next(c for c in range(11) if (total + c) % 11 == 1)
    return front + ("X" if check == 10 else str(check))


@given(id_cards())
def test_identity_numbers(number):
    assert id_card_is_valid(number) and id_card_is_valid(number.lower())
    assert scrub(f"证件{number}。") == "证件[证件]。"


@given(id_cards(), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(number, place, more):
    other = str((int(number[place]) + more) % 10)
    assert not id_card_is_valid(number[:place] + other + number[place + 1 :])


@pytest.mark.parametrize(
    "number",
    ["", "1", "11010519491231002", "990105194912310020", "110105194913310020", "１" * 18, "x" * 18],
)
def test_what_is_no_identity_number(number):
    assert not id_card_is_valid(number)


@given(st.text("0123456789", min_size=1, max_size=30))
def test_exactly_one_last_digit_passes_luhn(front):
    assert sum(luhn_is_valid(front + digit) for digit in "0123456789") == 1


def test_luhn_of_published_test_numbers():
    for number in ("4111111111111111", "5555555555554444", "378282246310005", "79927398713"):
        assert luhn_is_valid(number)
    assert not luhn_is_valid("") and not luhn_is_valid("4111 1111") and not luhn_is_valid("４１")


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("打13800138000", "打[电话]"),
        ("打 138 0013 8000 或 138-0013-8000", "打 [电话] 或 [电话]"),
        ("+86 13800138000，0086-13800138000", "[电话]，[电话]"),
        ("010-62751234转123", "[电话]"),
        ("(021) 62345678", "[电话]"),
        ("卡4111 1111 1111 1111。", "卡[银行卡]。"),
        ("li.lei+a@mail.example.com.cn，", "[邮箱]，"),
        ("QQ：123456789，微信号:hanmeimei_01", "QQ：[账号]，微信号:[账号]"),
        ("住在北京市海淀区中关村大街27号3号楼1101室。", "住在[地址]。"),
        ("我在南京路100号买的", "我在[地址]买的"),
        ("浙江省杭州市西湖区文三路 478号华星时代广场A座1201室，收", "[地址]，收"),
    ],
)
def test_what_is_private(text, scrubbed):
    assert scrub(text) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "订单1380013800012",
        "价格12345678901元",
        "132.1380013800",
        "圆周率3.1415926535897932",
        "ISBN 9787111111111",
        "2024-01-01 12:00:00",
        "0000 0000 0000 0000",
        "坐地铁1号线，在三号路口下",
        "这条道路有100号人",
        "a@b，@某人，x@localhost",
        "微信支付了100元",
        "4111111111111112",
    ],
)
def test_what_is_not_private(text):
    assert find(text) == []


def test_nothing_overlaps_and_the_surer_kind_wins():
    text = "11010519491231002X"
    assert find(text) == [Found(0, 18, "id_card")]
    many = "打13800138000写a@b.cn住南京路100号卡4111111111111111"
    found = find(many)
    assert [one.kind for one in found] == ["mobile", "email", "address", "bank_card"]
    assert all(one.end <= other.start for one, other in pairwise(found))


@given(st.text(st.sampled_from("0123456789 -京市路号室aA@.好QQ：微信"), max_size=60))
def test_nothing_private_is_left_after_scrubbing(text):
    assert all(mark not in text for mark in KINDS.values())
    assert find(scrub(text)) == [] or set(scrub(text)) & set("[")


def test_a_text_of_ten_megabytes():
    assert find("春" * 3_000_000 + "13800138000") == [Found(3_000_000, 3_000_011, "mobile")]


def test_precision_and_recall():
    texts = [
        ("打13800138000", [Found(1, 12, "mobile")]),
        ("打给李雷", [Found(2, 4, "account")]),
        ("a@b.cn", []),
    ]
    scores = score(texts)
    assert scores["mobile"].precision == scores["mobile"].recall == 1.0
    assert scores["email"].precision == 0.0 and scores["account"].recall == 0.0
    assert (scores["all"].right, scores["all"].wrong, scores["all"].missed) == (1, 1, 1)
    assert scores["address"].precision != scores["address"].precision  # nan
