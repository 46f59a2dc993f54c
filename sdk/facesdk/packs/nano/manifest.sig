{
 "format": 1,
 "algorithm": "ed25519",
 "key": "a8c467dd73e254a9d59e1c05471f03bc98e3ef2bf5a58aaa35c4bfc333cb2fe3",
 "signature": "f6b3d70c08d6459eb2ae5e30c7775c36e770ff510da979717b17659e0a567713f4c50b602af71d6faed22fc4c99cd71f73d299c96e4992fd426fbafa6fbe540a"
}
