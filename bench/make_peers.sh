#!/bin/sh
# Makes environments with what `python -m bench peers` and `looks` compare this project with:
#
#   bench/make_peers.sh FOLDER [PYTHON]
#
# One each, as they do not fit into one. PYTHON is 3.11 by default: some of them know none later.
set -eu
folder=$1
python=${2:-python3.11}

make() {
    name=$1
    shift
    "$python" -m venv "$folder/$name"
    "$folder/$name/bin/pip" install --quiet "$@"
}

make fast text_image_generator neots
make trdg trdg 'pillow<10' 'setuptools<80'
make albumentations albumentations==2.0.8
# With NumPy 2 and later Pillows it tries each picture again for ever.
make synthtiger synthtiger==1.2.1 'numpy<2' 'pillow<10'
