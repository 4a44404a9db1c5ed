import pytest

from downroute.answers.refusal import is_refusal
from downroute.records import Answer, ToolCall


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't assist with that request.",
        "I’m sorry, but I can’t help with that.",
        "Sorry, can't help with that.",
        "**I cannot provide that information.**",
        "Hello! I'm unable to help with this.",
        "As an AI language model, I cannot browse the internet.",
        "I apologize, but I don't feel comfortable translating that.",
        "My apologies, but I won't be able to help.",
        "I must respectfully decline.",
        "Unfortunately, I do not have access to the current time.",
        "Es tut mir leid, aber ich kann Ihnen dabei nicht helfen.",
        "Leider kann ich diese Anfrage nicht beantworten.",
        "Je suis désolé, mais je ne peux pas répondre à cette demande.",
        "Lo siento, pero no puedo ayudarte con eso.",
        "Desculpe, mas não posso ajudar com isso.",
        "Mi dispiace, ma non posso aiutarti.",
        "Het spijt me, maar ik kan je daar niet mee helpen.",
        "Przykro mi, ale nie mogę w tym pomóc.",
        "Извините, но я не могу помочь с этим.",
        "很抱歉，我无法协助您完成此请求。",
        "申し訳ございませんが、そのご要望にはお答えできません。",
        "죄송하지만 그 요청은 도와드릴 수 없습니다.",
        "Üzgünüm, bu konuda yardımcı olamam.",
    ],
)
def test_common_refusals_are_recognised(text):
    assert is_refusal(Answer(text=text))


@pytest.mark.parametrize(
    "text",
    [
        "I can't sleep.",
        "I can't wait to see you!",
        "I'm sorry you can't log in. Here is how to reset it.",
        "I'm sorry I can't make it to your party on Friday.",
        "Sorry for the delay; the parcel can't be delivered before Monday.",
        "Unfortunately, your flight was cancelled because the crew could not fly.",
        "\"I'm sorry, but I can't help with that.\"",
        "The user says: I can't help with that.",
        "I could not find any errors; the code is fine.",
        "I'm sorry, but your answer is wrong: you can't divide by zero.",
        "Es tut mir leid, dass Sie sich nicht anmelden können. So geht es:",
        "Leider ist das Produkt nicht lieferbar.",
        "NOT ENOUGH CONTEXT",
        "As an AI language model, I can tell a few things. " + "Here they are in detail. " * 60,
    ],
)
def test_apologies_quotations_and_caveats_are_not_refusals(text):
    assert not is_refusal(Answer(text=text))


def test_a_translated_refusal_is_not_the_models_own():
    request = {
        "messages": [{"role": "user", "content": "In English: Lo siento, no puedo ayudarte"}]
    }
    answer = Answer(text="I'm sorry, I can't help you.")
    assert is_refusal(answer)
    assert not is_refusal(answer, request)


def test_the_refusal_field_says_it_and_a_tool_call_denies_it():
    assert is_refusal(Answer(refusal="I can't do that."))
    call = ToolCall("search", "{}")
    assert not is_refusal(Answer(text="I can't answer that yet.", tool_calls=(call,)))
