"""Files that are written whole or not at all."""

import pytest
from wm_ros.files import whole


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / 'a.txt'
    with whole(path) as partial:
        partial.write_text('new')
        assert not path.exists()
    assert path.read_text() == 'new' and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
def test_the_old_one_stays_when_writing_fails(tmp_path, error):
    path = tmp_path / 'a.txt'
    path.write_text('old')
    with pytest.raises(error):
        with whole(path) as partial:
            partial.write_text('half')
            raise error
    assert path.read_text() == 'old' and list(tmp_path.iterdir()) == [path]
