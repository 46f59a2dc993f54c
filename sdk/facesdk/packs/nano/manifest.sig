{
 "format": 1,
 "algorithm": "ed25519",
 "key": "fc4c7cae4f785028acf01daaf183b35addc2894efc600786ab3b361a6ca86ef0",
 "signature": "1eb3e38badc8a3019fe1c279d2eb21e7800a3ec8203b80a2a4a74b8591fabcf2f75dd0bc18bb06664fe3173eea0ff6893c531fc16ddf91e21ed933f72781be02"
}
