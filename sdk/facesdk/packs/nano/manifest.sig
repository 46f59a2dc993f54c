{
 "format": 1,
 "algorithm": "ed25519",
 "key": "fc4c7cae4f785028acf01daaf183b35addc2894efc600786ab3b361a6ca86ef0",
 "signature": "8cee9ea2159bcf9377bfe29ecd5e5095a10e6a6e2b52ce89bf48ef2d1068d51f22e602d53f0df617efd5b556cd93d1df66b6783a43c8dec3781d20984eb3d006"
}
