{
 "format": 1,
 "algorithm": "ed25519",
 "key": "a8c467dd73e254a9d59e1c05471f03bc98e3ef2bf5a58aaa35c4bfc333cb2fe3",
 "signature": "23df4e1d2f6fa728d2dbb6bbc6e7d8939f9c042e013d73395fd1c82c016811f8bbe29f9ce38ce08a0232bd0724c59bfc00ecd825ef120e17c3cbfbeaeee3df0e"
}
