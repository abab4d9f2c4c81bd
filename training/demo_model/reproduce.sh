#!/bin/sh
# Trains the demo model again, from public packages, with fixed seeds. Run from the repository's root:
#   apt install fonts-noto-color-emoji unicode-data
#   python -m pip install -r training/demo_model/requirements.txt
#   training/demo_model/reproduce.sh
# Every step may be stopped and started again; state lies in training/demo_model/state/.
set -eu
python=${PYTHON:-python}
export OMP_NUM_THREADS=1
mkdir -p training/demo_model/state
[ -f training/demo_model/state/emoji.npz ] || "$python" -m training.demo_model.emoji
[ -f training/demo_model/state/linear.safetensors ] || "$python" -m training.demo_model.fit_latents
[ -f training/demo_model/state/text.pt ] || "$python" -m training.demo_model.train_text
"$python" -m training.demo_model.train_vae --until 6500
"$python" -m training.demo_model.train_vae --until 10000 --sizes 128:6:3,256:2:1 --cooldown
"$python" -m training.demo_model.train_unet --until 140000
"$python" -m training.demo_model.train_unet --until 200000 --cooldown
"$python" -m training.demo_model.export
"$python" -m training.demo_model.evaluate
