"""Making releases."""

from django.db.models import Max

from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting
from apps.bots import schemas
from apps.bots.models import Bot, CodeVersion, ConfigBundle, ParameterSet
from apps.common.canonical import digest
from apps.common.errors import Refused
from apps.releases.models import Release

DATA_MODEL_VERSION = 1


def build_id(code: CodeVersion, config: ConfigBundle, parameters: ParameterSet) -> str:
    """SHA-256 of the RFC 8785 canonical JSON of the triple's digests and the data-model version."""
    return digest(
        {
            "code": code.artifact_sha256,
            "config": config.digest,
            "data_model_version": DATA_MODEL_VERSION,
            "parameters": parameters.digest,
        }
    )


def make_release(
    *,
    bot: Bot,
    code_version: CodeVersion,
    config_bundle: ConfigBundle,
    parameter_set: ParameterSet,
    actor: User,
    reason: str,
) -> Release:
    """The release of a triple; the same triple twice is one release.

    Raises Refused PART_OTHER_BOT, Invalid PARAMETERS_SCHEMA when the parameters do not fit this code.
    """
    if {code_version.bot_id, config_bundle.bot_id, parameter_set.bot_id} != {bot.pk}:
        raise Refused("PART_OTHER_BOT", "code, config and parameters must all be this bot's")
    schemas.check(parameter_set.content, code_version.parameter_schema, "PARAMETERS_SCHEMA")
    identity = build_id(code_version, config_bundle, parameter_set)
    with acting(actor, reason):
        Bot.objects.select_for_update().get(pk=bot.pk)
        same = Release.objects.filter(bot=bot, build_id=identity).first()
        if same is not None:
            return same
        newest = Release.objects.filter(bot=bot).order_by("-number").first()
        top = Release.objects.filter(bot=bot).aggregate(top=Max("number"))["top"] or 0
        release = Release.objects.create(
            bot=bot,
            number=top + 1,
            code_version=code_version,
            config_bundle=config_bundle,
            parameter_set=parameter_set,
            data_model_version=DATA_MODEL_VERSION,
            build_id=identity,
            previous=newest,
            made_by=actor,
        )
        audit.record("release.made", release, scope_id=bot.scope_id, after={"build_id": identity})
    return release
