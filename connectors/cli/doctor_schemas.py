"""Does the schema registry that is configured hold our schemas, and guard them?"""

from collections import Counter

from connectors.cli.finding import Finding
from connectors.schema_registry.client import RegistryClient, RegistryFault, authorization_in
from connectors.schema_registry.publishing import Verdict, checked, shipped
from connectors.settings import Settings

_PART = "schema registry"
_MENDS = (
    (Verdict.INCOMPATIBLE, "deploy no version whose schemas it refuses; see `overgang schemas check`"),
    (Verdict.NEW, "`overgang schemas register`"),
    (Verdict.UNGUARDED, "`overgang schemas register`"),
)


def schema_registry(settings: Settings) -> Finding:
    """Every shipped release under the registry's own demand of FULL_TRANSITIVE, or what is amiss."""
    if settings.schema_registry_url is None:
        return Finding(_PART, True, "none configured; the HTTP API serves the schemas")
    try:
        credential = authorization_in(settings.schema_registry_authorization_file)
        with RegistryClient(settings.schema_registry_url, credential) as registry:
            standings = list(checked(registry, shipped()))
    except RegistryFault as fault:
        mend = (
            "start it, or mend OVERGANG_SCHEMA_REGISTRY_URL and OVERGANG_SCHEMA_REGISTRY_AUTHORIZATION_FILE"
        )
        return Finding(_PART, False, str(fault), mend)
    verdicts = Counter(standing.verdict for standing in standings)
    for verdict, mend in _MENDS:
        if verdicts[verdict]:
            first = next(standing.subject for standing in standings if standing.verdict is verdict)
            told = {Verdict.NEW: "missing", Verdict.UNGUARDED: "not kept FULL_TRANSITIVE"}
            found = f"{verdicts[verdict]} of {len(standings)} releases {told.get(verdict, verdict)}: {first}"
            return Finding(_PART, False, found, mend)
    differ = any(standing.registered_id != standing.id for standing in standings)
    ids = "; ids differ from those in messages" if differ else ""
    return Finding(_PART, True, f"{len(standings)} releases, FULL_TRANSITIVE{ids}")
