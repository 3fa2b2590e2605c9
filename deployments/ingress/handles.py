"""Serve handles of the stages."""

from dataclasses import dataclass

from ray.serve.handle import DeploymentHandle


@dataclass(frozen=True)
class Handles:
    """One Serve handle per stage."""

    vad: DeploymentHandle
    asr: DeploymentHandle
    mt: DeploymentHandle
    tts: DeploymentHandle
    speakers: DeploymentHandle

    def items(self) -> dict[str, DeploymentHandle]:
        """Those that must answer before the server is ready; asking the others would start them."""
        return {"vad": self.vad, "asr": self.asr, "mt": self.mt, "tts": self.tts}
