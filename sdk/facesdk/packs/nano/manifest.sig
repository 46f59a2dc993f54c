{
 "format": 1,
 "algorithm": "ed25519",
 "key": "a8c467dd73e254a9d59e1c05471f03bc98e3ef2bf5a58aaa35c4bfc333cb2fe3",
 "signature": "7d8d67385d08ff9b2bca1e140cf2e23c5e4bfe72d9b074fe579a29beb9d85e794dabea444cbeca48c83ceef14c72de0f58c691dd2a975c72376e9d49d6af3709"
}
