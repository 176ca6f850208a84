"""What invented children are made of. No name is a real child's."""

GIVEN = [
    "Amara",
    "Bao",
    "Caleb",
    "Dalia",
    "Elio",
    "Farah",
    "Gio",
    "Hana",
    "Idris",
    "Jada",
    "Kenji",
    "Lucia",
    "Milo",
    "Nia",
    "Oscar",
    "Paz",
]
MIDDLE = ["A", "B", "C", "D", "E", "F", "G", "H", "J", "K", "L", "M", "N"]
FAMILY = [
    "Abernathy",
    "Barros",
    "Castellano",
    "Dufresne",
    "Eklund",
    "Figueroa",
    "Grabowski",
    "Haddad",
    "Ivers",
    "Joubert",
    "Kowalczyk",
    "Lindqvist",
    "Mbeki",
    "Nakagawa",
    "Oyelaran",
    "Petrosyan",
    "Quiroga",
    "Ramaswamy",
]
TWINS = [("Jayden", "Jaylen"), ("Mira", "Mina"), ("Aiden", "Aidan"), ("Kara", "Kaya")]
GUARDIANS = ["Marta", "Samuel", "Ines", "Pavel", "Rosa", "Tomas", "Lena", "Viktor"]
TOWNS = [("Holyoke", "01040"), ("Chicopee", "01013"), ("Springfield", "01103"), ("Ludlow", "01056")]
LANGUAGES = {"en": "English", "es": "Spanish", "pt": "Portuguese", "ht": "Haitian Creole"}
GOALS = [
    "Ask a classmate to join a game twice a week with no more than one prompt.",
    "Follow a morning routine of four steps on five of seven days.",
    "Name one feeling and one coping skill before leaving a tense talk, three times a week.",
    "Take the bus to the library and back with an adult two seats away.",
    "Plan and cook one simple meal a week with a written list.",
    "Ask for help in class before leaving the room, on four of five days.",
]
