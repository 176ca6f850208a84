"""What partners read, each row joined to its reader: who may not read a youth finds no row.

A hub reads on the days on which it is an active hub and a release stands; a payer reads sessions
whose day lies in its coverage. Source: DOMAIN 4 (Readers), chassis/fhir/readers.py.
"""

from services.documentation.store.reads.documents import list_documents, list_provenances
from services.documentation.store.reads.page import Asked
from services.documentation.store.reads.plans import list_care_plans, list_goals
from services.documentation.store.reads.ratings import list_observations
from services.documentation.store.reads.sessions import list_session_versions, list_sessions

__all__ = [
    "Asked",
    "list_care_plans",
    "list_documents",
    "list_goals",
    "list_observations",
    "list_provenances",
    "list_session_versions",
    "list_sessions",
]
