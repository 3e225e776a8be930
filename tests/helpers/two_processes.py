"""Run by torchrun in two processes: gradients of both together are those of one on the whole batch."""

import sys

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from mmcrossformer import CrossFormer

ARCH = dict(embed_dims=16, depths=(1, 1, 3, 2), num_heads=(1, 2, 4, 8), cooling=True)


def gradients(model, batches, autocast):
    """Gradients of the mean of all batches, accumulated one by one."""
    model.zero_grad()
    for i, images in enumerate(batches):
        last = i == len(batches) - 1
        if isinstance(model, DistributedDataParallel):
            model.require_backward_grad_sync = last  # as DDP's no_sync does for what is accumulated
        with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
            outputs = model(images)
        (sum(out.float().square().mean() for out in outputs) / len(batches)).backward()
    return [parameter.grad.clone() for parameter in model.parameters()]


def main():
    dist.init_process_group('gloo')
    rank = dist.get_rank()
    for out_indices in ((0, 1, 2, 3), (1,), (0, 2)):
        for with_cp, autocast, steps in ((False, False, 1), (True, False, 2), (True, True, 2)):
            torch.manual_seed(0)
            model = CrossFormer(ARCH, out_indices=out_indices, with_cp=with_cp)
            images = torch.randn(4 * steps, 3, 60, 75)
            wanted = gradients(model, images.chunk(steps), autocast)
            mine = [batch[2 * rank : 2 * rank + 2] for batch in images.chunk(steps)]
            # An unused parameter would be an error in the second forward.
            found = gradients(DistributedDataParallel(model), [*mine], autocast)
            # Against float32, the rounding of bfloat16 alone makes 0.08 in one process.
            error = torch.cat([(a - b).flatten() for a, b in zip(found, wanted, strict=True)]).norm()
            size = torch.cat([b.flatten() for b in wanted]).norm()
            assert error < (0.15 if autocast else 1e-5) * size, (out_indices, with_cp, autocast, error / size)
    dist.barrier()
    dist.destroy_process_group()
    print(f'process {rank} agrees', file=sys.stderr)


if __name__ == '__main__':
    main()
