"""Letters in words: short sentences, and nothing that a stranger at the screen may not read.

No name, no place, no word of what help it is (DOMAIN.md section 9): an e-mail is a postcard. A
family reads that there is a mentor and when the next meeting is; staff read codes and our own ids.
"""

from collections.abc import Mapping
from datetime import date, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from services.chassis.clock import AGENCY
from services.notifications.domain.mail import AUDIENCES, Audience, Letter, Mail

Words = tuple[str, str]  # subject and text

ENGLISH: Mapping[Letter, Words] = {
    Letter.REFERRAL_RECEIVED: (
        "A new referral",
        "A hub has sent a referral.\n\nReferral: {referral}\nPriority: {priority}\n"
        "Still missing: {items}\n",
    ),
    Letter.INFORMATION_MISSING: (
        "A referral waits for information",
        "A referral cannot go on. Please ask the hub for what is missing.\n\n"
        "Referral: {referral}\nMissing: {items}\nAsked for by: {due}\n",
    ),
    Letter.HUB_NOT_REACHED: (
        "A hub could not be told",
        "The hub's system has not taken our messages, and they are not tried any more. Please call"
        " the hub and tell it how the child is doing.\n\nYouth: {youth}\nHub: {organisation}\n"
        "Not told since: {since}\n",
    ),
    Letter.REASSIGNMENT_NEEDED: (
        "A child in service has no mentor",
        "An assignment has ended ({reason}). Please find another mentor, in the order of the"
        " waiting list.\n\nReferral: {referral}\n",
    ),
    Letter.MENTOR_FOUND: (
        "Good news for your family",
        "Hello,\n\nA mentor has been found. The mentor will call you soon to plan the first"
        " meeting.\n\nYou do not need to do anything now.\n",
    ),
    Letter.MENTOR_LEAVES: (
        "A change of mentor",
        "Hello,\n\nFrom {from_day} on, the mentor can no longer come. We are looking for another"
        " one and will call you.\n\nMeetings that were planned after that day do not take place.\n",
    ),
    Letter.NEXT_APPOINTMENT: (
        "Your next meeting",
        "Hello,\n\nThe next meeting with the mentor is on {day} at {time}.\n\n"
        "If you cannot come, please call the mentor.\n",
    ),
    Letter.APPOINTMENT_CANCELLED: (
        "A meeting does not take place",
        "Hello,\n\nThe meeting on {day} at {time} will not take place. The mentor will call you to"
        " find a new time.\n",
    ),
    Letter.NOTE_OVERDUE: (
        "A session note is missing",
        "A session has ended and its note is not signed yet ({level}). Please write and sign it.\n"
        "\nEpisode: {episode}\nSession ended: {day}, {time}\n",
    ),
}
SPANISH: Mapping[Letter, Words] = {
    Letter.MENTOR_FOUND: (
        "Buenas noticias para su familia",
        "Hola:\n\nEncontramos un mentor. El mentor le llamará pronto para planear la primera"
        " reunión.\n\nNo tiene que hacer nada por ahora.\n",
    ),
    Letter.MENTOR_LEAVES: (
        "Un cambio de mentor",
        "Hola:\n\nDesde el {from_day}, el mentor ya no puede venir. Buscamos otro y le llamaremos."
        "\n\nLas reuniones planeadas después de ese día no tendrán lugar.\n",
    ),
    Letter.NEXT_APPOINTMENT: (
        "Su próxima reunión",
        "Hola:\n\nLa próxima reunión con el mentor es el {day} a las {time}.\n\n"
        "Si no puede venir, por favor llame al mentor.\n",
    ),
    Letter.APPOINTMENT_CANCELLED: (
        "Una reunión se cancela",
        "Hola:\n\nLa reunión del {day} a las {time} no tendrá lugar. El mentor le llamará para"
        " buscar otra fecha.\n",
    ),
}
TEXTS = {"en": ENGLISH, "es": SPANISH}
# Under a family's letters; whoever wants no more of them has only to say so.
CLOSINGS = {
    "en": "\nYou get this e-mail because you agreed to e-mails from us. If you do not want them any"
    " more, tell the mentor or our office.\n",
    "es": "\nRecibe este correo porque aceptó recibir correos nuestros. Si ya no los quiere, dígalo"
    " al mentor o a nuestra oficina.\n",
}
WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
}
MONTHS = {
    "en": (
        *("January", "February", "March", "April", "May", "June", "July", "August"),
        *("September", "October", "November", "December"),
    ),
    "es": (
        *("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto"),
        *("septiembre", "octubre", "noviembre", "diciembre"),
    ),
}


def message_for(mail: Mail, *, language: str, sender: str, to: str, at: datetime) -> EmailMessage:
    """A letter as it is sent. The same mail is the same message: a repeat shows as one."""
    spoken = language if mail.letter in TEXTS[language] else "en"
    subject, text = words_of(mail.letter, mail.facts, spoken)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"] = format_datetime(at.astimezone(AGENCY))
    message["Message-ID"] = f"<{mail.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday note answers it
    message.set_content(text, cte="quoted-printable")
    message["Content-Language"] = spoken  # last: the content brings its own headers
    return message


def words_of(letter: Letter, facts: Mapping[str, str], language: str) -> Words:
    """Subject and text, in a language that has words for it."""
    subject, text = TEXTS[language][letter]
    closing = CLOSINGS[language] if AUDIENCES[letter] is Audience.FAMILY else ""
    return subject, text.format_map(told(facts, language)) + closing


def told(facts: Mapping[str, str], language: str) -> dict[str, str]:
    """The facts of a letter as people say them."""
    said = dict(facts)
    if at := facts.get("at"):
        local = datetime.fromisoformat(at).astimezone(AGENCY)
        said |= {"day": day_in_words(local.date(), language), "time": clock_time(local, language)}
    for name in ("since", "due", "from_day"):
        if moment := facts.get(name):
            said[name] = day_in_words(day_of(moment), language)
    if "items" in facts:
        said["items"] = facts["items"].replace("-", " ") or "nothing"
    if "reason" in facts:
        said["reason"] = facts["reason"].replace("_", " ")
    return said


def day_of(text: str) -> date:
    at = datetime.fromisoformat(text)
    return at.astimezone(AGENCY).date() if at.tzinfo else at.date()


def day_in_words(day: date, language: str) -> str:
    weekday, month = WEEKDAYS[language][day.weekday()], MONTHS[language][day.month - 1]
    if language == "es":
        return f"{weekday} {day.day} de {month}"
    return f"{weekday}, {month} {day.day}"


def clock_time(at: datetime, language: str) -> str:
    hour = at.hour % 12 or 12
    half = ("AM", "PM") if language == "en" else ("a. m.", "p. m.")
    return f"{hour}:{at.minute:02} {half[at.hour >= 12]}"
