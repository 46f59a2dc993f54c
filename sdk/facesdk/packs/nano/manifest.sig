{
 "format": 1,
 "algorithm": "ed25519",
 "key": "a8c467dd73e254a9d59e1c05471f03bc98e3ef2bf5a58aaa35c4bfc333cb2fe3",
 "signature": "ba4270cabc9ebf7e369d61cb0533b9e93a4aff3f3517c517b7a9efcc43be893c229597916397e1e98943ad1bea7efcbdf5bdee0e59cd25c53826c1a5a00fac0d"
}
