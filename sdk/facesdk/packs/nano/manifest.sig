{
 "format": 1,
 "algorithm": "ed25519",
 "key": "a8c467dd73e254a9d59e1c05471f03bc98e3ef2bf5a58aaa35c4bfc333cb2fe3",
 "signature": "6fbeba58b35a0a2fb804eaf9d2c4b1d30ca064090a9fb86c719024aeca1691e2096506faa3cee7482ff49fbf91b90576776d68a4c18035f783d33143ea6bf00a"
}
