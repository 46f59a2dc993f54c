{
 "format": 1,
 "algorithm": "ed25519",
 "key": "fc4c7cae4f785028acf01daaf183b35addc2894efc600786ab3b361a6ca86ef0",
 "signature": "0f666a35e0bc912d56fa29d68c9dd2bbe3a87ca885ca145a7b62b0fbc839345dcbcb73849a43a4d7015856b2d5324dfd5bf21740749563eb3be1621c0a92eb03"
}
