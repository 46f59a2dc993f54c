"""The families that can be exported, one file each: graphs, tensors, preprocessing, floors."""
