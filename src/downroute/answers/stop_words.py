"""The commonest words of languages that share a script, which tell them apart."""

from __future__ import annotations

from collections.abc import Mapping

STOP_WORDS: Mapping[str, frozenset[str]] = {
    code: frozenset(words.split())
    for code, words in {
        "en": (
            "the of and to in is that for it with as was on are this be by from or an which "
            "you not have has were can will would they their"
        ),
        "de": (
            "der die das und ist nicht ein eine zu den mit von auf für im dem des sich auch "
            "es sie wird werden bei aus nach oder sind wie einen einer"
        ),
        "fr": (
            "le la les des et est une un du dans que pour pas sur qui au avec ce par plus "
            "sont il elle nous vous cette ses aux ou d'un"
        ),
        "es": (
            "el la los las de que y en un una es por con para no se del al lo su más como "
            "pero sus este está son fue muy"
        ),
        "it": (
            "il la di che e è un una per non in del della sono con si dei da le gli nel alla "
            "come più anche ma questo ha lo"
        ),
        "pt": (
            "o a os as de que e em um uma é do da para com não por no na dos das se mais como "
            "ao foi são você sua pelo está"
        ),
        "nl": (
            "de het een en van is dat niet in te op voor met zijn aan er om ook als bij maar "
            "door deze wordt naar heeft worden uit dit"
        ),
        "sv": (
            "och att det som en är på för av med den till inte har om ett i de vi jag han var "
            "från kan så eller efter men också"
        ),
        "da": (
            "og at det er en af til på for med den ikke som har et i de vi jeg fra var kan "
            "eller om efter men også blev være"
        ),
        "no": (
            "og at det er en av til på for med den ikke som har et i de vi jeg fra var kan "
            "eller om etter men også ble være"
        ),
        "fi": (
            "ja on ei että se oli hän mutta kun ovat tai niin myös joka voi ole sen mukaan "
            "kuin jos tämä olla mitä nyt vain sekä"
        ),
        "pl": (
            "i w nie na się z że do jest to o jak po co za od przez ale dla są być jego tym "
            "był które może oraz czy już"
        ),
        "cs": (
            "a se v na je že s z do i o to jako za by pro ve ale byl jsou od po který nebo "
            "které si tak však bylo při"
        ),
        "sk": (
            "a sa v na je že s z do aj o to ako za by pre vo ale bol sú od po ktorý alebo "
            "ktoré si tak však bolo pri"
        ),
        "hu": (
            "a az és hogy nem is egy van volt meg csak de ez már mint vagy ha ki még el azt "
            "kell lehet amely minden után fel"
        ),
        "ro": (
            "și de la în a cu nu pe un o că este pentru din mai sunt care sau ce au fost fi "
            "al lui dar prin după această"
        ),
        "tr": (
            "ve bir bu da de için ile çok olarak daha gibi ne var en kadar olan sonra ama "
            "değil mi ya olduğu tarafından her"
        ),
        "id": (
            "yang dan di ini itu untuk dengan tidak dari dalam akan pada juga ke karena ada "
            "adalah oleh saya atau bisa sudah mereka telah"
        ),
        "vi": (
            "và là của có trong được không cho các một những này với đã để người khi từ về "
            "như cũng ra nhưng tại đến"
        ),
        "ru": (
            "и в не на что с по как это он к но из за от для она его так же бы был вы мы или "
            "при если они быть также"
        ),
        "uk": (
            "і в не на що з та як це до але за від для він у його є так бути був ви ми або "
            "при якщо вони також й які"
        ),
        "bg": (
            "и в не на че с по като това той към но от за да тя се е са ще бъде вие ние или "
            "при ако те също който"
        ),
        "sr": (
            "и у не на да с по као то он к али из за од је она се су ће бити ви ми или при "
            "ако они такође који што"
        ),
    }.items()
}
"""ISO 639-1 code → words."""
