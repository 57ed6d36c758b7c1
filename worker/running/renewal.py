"""The manifest of a retried job takes up the model and the options of its new attempt."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Protocol

from connectors.errors import JobCode, JobError
from worker.jobs.job import Job
from worker.jobs.manifest import Manifest
from worker.jobs.topics import job_dlq_topic
from worker.state.api import ModelStore

__all__ = ["ManifestRenewal", "RewritableFolders"]


class RewritableFolders(Protocol):
    def rewrite_manifest(self, manifest: Manifest) -> None:
        """Put the manifest in the place of the one in `processing/`, whole or not at all. Blocking."""


class ManifestRenewal:
    """Brings a job's manifest up to its row, once an attempt: a resume of it never sees another model."""

    def __init__(self, namespace: str, folders: RewritableFolders, models: ModelStore) -> None:
        self._namespace = namespace
        self._folders = folders
        self._models = models

    async def renewed(self, manifest: Manifest, job: Job) -> Manifest:
        """Return the manifest of the job's attempt.

        Raises JobError when its model was deleted meanwhile, UnavailableError while the models are not known.
        """
        current = (manifest.model_version, manifest.options, manifest.topic)
        if current == (job.model_version, job.options, job.topic):
            return manifest
        renewed = replace(
            manifest,
            model_version=job.model_version,
            schema=await self._schema(manifest, job),
            options=job.options,
            topic=job.topic,
            dlq_topic=job_dlq_topic(self._namespace, job.job_id, job.options, job.first_attempt),
            attempt=job.attempt,
        )
        await asyncio.to_thread(self._folders.rewrite_manifest, renewed)
        return renewed

    async def _schema(self, manifest: Manifest, job: Job) -> dict[str, Any]:
        if job.model_version == manifest.model_version:
            return manifest.schema
        model = self._models.get(job.model, job.model_version)
        if model is None:
            await self._models.barrier()
            model = self._models.get(job.model, job.model_version)
        if model is None:
            raise JobError(
                JobCode.INTERNAL,
                f"version `{job.model_version}` of model `{job.model}`, which the retry names, was deleted",
                "create the model again, then retry the job with its version",
            )
        return model.schema
