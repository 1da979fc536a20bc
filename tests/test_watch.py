"""Frame decoders: what is drawn of latents."""

import pytest
import torch
from wm_ros.cli import main
from wm_ros.types import CheckpointError
from wm_ros.world_model.load import load_part
from wm_ros.world_model.watch import FrameDecoder, WatchConfig


def squares(count):
    """Return features [B, 2] in [-1, 1] and frames [B, 3, 32, 32]: a square stands there."""
    places = torch.randint(0, 6, (count, 2))
    frames = torch.full((count, 3, 32, 32), 0.2)
    for frame, (row, column) in zip(frames, places.tolist()):
        frame[0, 4 * row:4 * row + 8, 4 * column:4 * column + 8] = 0.9
    return places / 2.5 - 1.0, frames


def test_frames_are_drawn_of_features():
    torch.manual_seed(0)
    decoder = FrameDecoder(WatchConfig(features=2, size=32, width=32, blocks=3, steps=4))
    optimiser = torch.optim.Adam(decoder.parameters(), 3e-3)
    for _ in range(300):
        features, frames = squares(32)
        loss = decoder.loss(frames, features)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    features, frames = squares(64)
    with torch.no_grad():
        made = decoder.eval()(features)
        start = torch.randn(1, 48, 8, 8)
        one, same = (decoder(features[:1], start=start) for _ in range(2))
    assert made.shape == frames.shape and 0 <= made.min() and made.max() <= 1
    error = (made - frames).square().mean()
    assert error < 0.3 * (frames.mean(0) - frames).square().mean()
    assert torch.equal(one, same)


@pytest.fixture(scope='module')
def recordings(tmp_path_factory):
    """Return a folder of recorded episodes with frames."""
    folder = tmp_path_factory.mktemp('seen')
    assert main(['collect', '--task', 'push', '--episodes', '2', '--frames', '32',
                 '--output', str(folder)]) == 0
    return folder


def train(recordings, output, *more):
    return main(['train', '--task', 'push', '--data', str(recordings), '--held-out',
                 str(recordings), '--output', str(output), '--debug-run', *more])


@pytest.mark.parametrize('kind', ['rssm', 'transformer'])
def test_a_decoder_is_trained_for_a_model_and_loaded(recordings, tmp_path, kind, capsys):
    assert train(recordings, tmp_path / 'model', '--model', 'sequence', '--set',
                 'inputs=joints+objects', '--set', f'kind={kind}') == 0
    assert train(recordings, tmp_path / 'drawn', '--model', 'decoder', '--set', 'size=32',
                 '--set', f'model={tmp_path / "model"}') == 0
    model = load_part(str(tmp_path / 'model'), 'sequence_model')
    decoder = load_part(str(tmp_path / 'drawn'), 'frame_decoder')
    features = torch.zeros(3, model.dynamics.feature_width)
    assert decoder(features).shape == (3, 3, 32, 32)
    with pytest.raises(CheckpointError, match="is a 'frame_decoder', expected 'eyes'"):
        load_part(str(tmp_path / 'drawn'), 'eyes')
    capsys.readouterr()
    assert train(recordings, tmp_path / 'none', '--model', 'decoder') == 2
    assert 'add --set model=NAME' in capsys.readouterr().err


@pytest.mark.parametrize('wrong', [{'size': 40}, {'features': 0}, {'steps': 0}])
def test_configurations_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match='expected'):
        WatchConfig(**{'features': 2, **wrong})


def test_it_knows_where_its_frames_will_be_wrong():
    """The left half is even, the right one noise that nothing tells."""
    torch.manual_seed(0)
    decoder = FrameDecoder(WatchConfig(features=2, size=32, width=16, blocks=2))
    optimiser = torch.optim.Adam(decoder.parameters(), 3e-3)

    def scenes(count):
        frames = torch.full((count, 3, 32, 32), 0.4)
        frames[..., 16:] += 0.2 * torch.randn(count, 3, 32, 16)
        return frames, torch.rand(count, 2)

    for _ in range(300):
        loss = decoder.loss(*scenes(16))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        frames, features = scenes(64)
        usual = decoder.off(features, frames).unflatten(1, (8, 8))
        frames[:, :, 4:8, 4:8] += 0.3
        stranger = decoder.off(features, frames).unflatten(1, (8, 8))
    assert 0.5 < usual[..., 4:].mean() < 1.5 and usual[..., :4].mean() < 3.0
    assert stranger[:, 1, 1].median() > 10 * usual[..., 4:].quantile(0.99)
