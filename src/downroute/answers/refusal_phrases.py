"""How refusals commonly begin, by language. Data: regular expressions, matched without case.

A refusal is an apology followed, in the same sentence, by the speaker's own inability, or one of
the openings that say it outright. "I am sorry you cannot log in" is no refusal, so the inability
is always in the first person and, in English, always to do with the request.
"""

from __future__ import annotations

from collections.abc import Mapping

_CANNOT = (
    r"(?:can(?:no|')t|can not|could(?:n't| not)|(?:won't|will not)(?: be able to)?"
    r"|(?:am|'m) (?:unable|not able) to)"
)
_DO = (
    r"(?:\w+ ){0,2}(?:help|assist|comply|do (?:that|this|so)|provide|fulfil+|answer|generate|"
    r"create|continue|discuss|engage|support|share|complete|produce|participate|respond|process|identify|"
    r"access|browse|translate|summari[sz]e|carry out|perform|proceed|accommodate|facilitate|advise|"
    r"recommend|offer|write|see (?:the |any )?(?:image|file|attachment))\b"
)

APOLOGIES: Mapping[str, tuple[str, str]] = {
    "en": (
        r"(?:(?:i'm|i am|we're|we are) )?(?:\w+ )?(?:sorry|afraid)|(?:my )?apologies|i apologi[sz]e"
        r"|unfortunately|regrettably|sadly|i regret",
        rf"\bi ?{_CANNOT} {_DO}|\bi (?:don't|do not) (?:have (?:access|the ability|the capability)"
        r"|feel comfortable)|\bi (?:must|have to|need to) (?:decline|refuse)"
        r"|(?<=sorry, )can(?:no|')t (?:help|do)\b",
    ),
    "de": (
        r"(?:es )?tut mir (?:sehr )?leid|leider|entschuldigung|ich bedaure",
        r"\b(?:kann|darf|werde) ich\b[^.!?\n]{0,60}?\b(?:nicht|keine?)\b"
        r"|\bich (?:kann|darf|werde)\b[^.!?\n]{0,60}?\b(?:nicht|keine?)\b",
    ),
    "fr": (r"(?:je suis )?(?:vraiment )?désolée?|je regrette|je m'excuse|malheureusement",
           r"\bje ne (?:peux|suis|puis)\b"),
    "es": (r"lo (?:siento|lamento)|lamentablemente|desafortunadamente", r"\bno (?:puedo|podré)\b"),
    "pt": (r"desculpe|lamento|sinto muito|infelizmente", r"\bnão (?:posso|consigo|poderei)\b"),
    "it": (r"mi dispiace|purtroppo", r"\bnon (?:posso|sono in grado|riesco)\b"),
    "nl": (r"het spijt me|sorry|helaas",
           r"\b(?:ik kan|kan ik|ik mag)\b[^.!?\n]{0,40}?\b(?:niet|geen)\b"),
    "pl": (r"przykro mi|przepraszam|niestety", r"\bnie mogę\b"),
    "cs": (r"omlouvám se|je mi líto|bohužel", r"\bnemohu\b"),
    "sv": (r"tyvärr|jag är ledsen|förlåt", r"\bkan (?:jag )?(?:inte|tyvärr inte)\b"),
    "da/no": (r"beklager|desværre|dessverre",
              r"\bkan (?:jeg )?(?:ikke|desværre ikke|dessverre ikke)\b"),
    "tr": (r"üzgünüm|özür dilerim|maalesef",
           r"(?:yardımcı olamam|yapamam|veremem|edemem|sağlayamam)"),
    "ru/uk": (r"извините|простите|к сожалению|мне жаль|вибачте|на жаль", r"\bне (?:могу|можу)\b"),
    "zh": (r"(?:非常|很)?抱歉|对不起|對不起", r"我(?:目前|暂时)?(?:无法|無法|不能)"),
    "ja": (r"申し訳(?:ございません|ありません)|すみません|恐れ入ります|残念ながら",
           r"(?:お答え|回答|お手伝い|対応|提供|ご提供|お応え)(?:する)?(?:ことは|ことが)?(?:できません|できかねます)|いたしかねます"),
    "ko": (r"죄송하지만|죄송합니다|미안하지만", r"(?:드릴|제공할|답변할|도와줄) 수 없"),
    "ar": (r"عذر[اًا]+|آسف|أعتذر|للأسف", r"لا (?:أستطيع|يمكنني)"),
    "hi": (r"क्षमा करें|मुझे खेद है|माफ़ कीजिए", r"(?:नहीं कर सक(?:ता|ती)|असमर्थ)"),
}  # fmt: skip
"""Language → an apology and the inability that follows it."""

OPENINGS: Mapping[str, tuple[str, ...]] = {
    "en": (
        rf"i ?{_CANNOT} {_DO}",
        r"i(?:'m| am) not (?:allowed|permitted|comfortable|going) (?:to|with) (?!say)",
        r"i (?:must |have to |need to |respectfully |politely ){1,2}(?:decline|refuse)\b",
        r"as an? (?:\w+ ){0,2}(?:ai|language model|assistant)\b[^.!?\n]{0,60}?"
        rf"(?:\bi ?{_CANNOT}|\bi (?:don't|do not)|must decline)\b",
        r"i (?:don't|do not) feel comfortable\b",
        r"(?:this|that|your) (?:request|question|prompt) (?:violates|goes against|is against)\b",
    ),
    "de": (r"(?:da(?:s|bei|zu|mit)|hierbei) kann ich (?:ihnen |dir )?(?:leider )?"
           r"nicht (?:weiter)?helfen",
           r"ich kann (?:ihnen |dir )?(?:(?:da(?:bei|zu|mit)|hierbei) )?(?:leider )?"
           r"nicht (?:weiter)?helfen"),
    "fr": (r"je ne peux pas (?:vous |t')?(?:aider|répondre à|fournir|satisfaire|donner suite)",
           r"je ne suis pas en mesure de"),
    "es": (r"no puedo (?:ayudarte|ayudarle|ayudar con|proporcionar|cumplir|responder a)",),
    "pt": (r"não posso (?:ajudar|fornecer|responder a|atender|cumprir)",),
    "it": (r"non posso (?:aiutart|aiutarl|fornire|rispondere a|soddisfare)",),
    "ru": (r"я не могу (?:помочь|предоставить|ответить на|выполнить)",),
    "zh": (r"我(?:无法|無法|不能)(?:协助|協助|帮助|幫助|提供|回答|满足|滿足|完成)",),
}  # fmt: skip
"""Language → openings that are a refusal by themselves."""
