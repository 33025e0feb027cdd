internal import GRDB

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// Bytes as SQLite has them.
struct Blob {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var data: DatabaseValue { Data(bytes).databaseValue }
}

extension Row {
    /// The bytes of a column; nil for null.
    func bytes(_ name: String) -> [UInt8]? {
        let data: Data? = self[name]
        return data.map { Array($0) }
    }

    func bytes(at index: Int) -> [UInt8]? {
        let data: Data? = self[index]
        return data.map { Array($0) }
    }
}
