public import Model

/// A condition taken apart, to tell of one person which parts of it hold and why.
public struct ConditionNode: Sendable {
    /// Where it is, as errors name it: `segment.all[1]`.
    public let path: String
    /// Its JSON; nil where the parts say it all.
    public let json: JSONValue?
    /// Whether it holds, as SQL.
    public let holds: SQLFragment
    /// Of a `did`, how many events count, as SQL.
    public let count: SQLFragment?
    /// Of a property, the value that is asked about, as SQL.
    public let value: SQLFragment?
    public let parts: [ConditionNode]

    /// Takes apart a condition on people.
    ///
    /// - Parameters:
    ///   - json: what the condition was read from.
    ///   - scope: whose events and changes are those of one person.
    ///   - needs: what all the parts need to know.
    public init(
        _ condition: Condition, _ json: JSONValue, scope: QueryScope, needs: inout PersonNeeds, path: String
    ) throws(QueryError) {
        var (count, value, parts) = (nil as SQLFragment?, nil as SQLFragment?, [] as [ConditionNode])
        switch condition {
        case .all(let conditions): parts = try Self.parts(of: conditions, json["all"], scope, &needs, "\(path).all")
        case .any(let conditions):
            for (i, condition) in conditions.enumerated() {
                parts.append(
                    try ConditionNode(
                        condition, Self.element(json["any"], i), scope: scope, needs: &needs, path: "\(path).any[\(i)]")
                )
            }
        case .not(let condition):
            parts = [
                try ConditionNode(condition, json["not"] ?? .null, scope: scope, needs: &needs, path: "\(path).not")
            ]
        case .segment(let condition):
            parts = [
                try ConditionNode(condition, json["where"] ?? .null, scope: scope, needs: &needs, path: "\(path).where")
            ]
        case .event(let names): count = try Did(names).countSQL(scope, &needs, path: path)
        case .property: count = try Did(nil, test: condition).countSQL(scope, &needs, path: path)
        case .did(let did): count = try did.countSQL(scope, &needs, path: path)
        case .person(let name, _): value = needs.properties.token(name)
        case .personThen(let name, let time, _): value = time.valueSQL(name, scope)
        case .computed(let column, _): value = needs.computed.value(column, of: scope.personID)
        case .sequence: break
        }
        self.path = path
        self.json = Self.own(json, isLeaf: parts.isEmpty)
        holds = try condition.render(scope, &needs, path: path)
        (self.count, self.value, self.parts) = (count, value, parts)
    }

    /// The parts of an `all`. Properties beside one event are asked of that event: together they are one part.
    private static func parts(
        of conditions: [Condition], _ json: JSONValue?, _ scope: QueryScope, _ needs: inout PersonNeeds, _ path: String
    ) throws(QueryError) -> [ConditionNode] {
        var joint: (conditions: [Condition], json: [JSONValue]) = ([], [])
        var place: Int?
        for (i, condition) in conditions.enumerated() {
            switch condition {
            case .event: place = i
            case .property: break
            default: continue
            }
            joint.conditions.append(condition)
            joint.json.append(element(json, i))
        }
        let isJoint = place != nil && joint.conditions.count > 1
        // An `all` of nothing else is that part itself.
        if isJoint, joint.conditions.count == conditions.count { return [] }
        var parts: [ConditionNode] = []
        for (i, condition) in conditions.enumerated() {
            if isJoint, i == place {
                parts.append(
                    try ConditionNode(
                        .all(joint.conditions), ["all": .array(joint.json)], scope: scope, needs: &needs,
                        path: "\(path)[\(i)]"))
                continue
            }
            if isJoint, case .property = condition { continue }
            parts.append(
                try ConditionNode(condition, element(json, i), scope: scope, needs: &needs, path: "\(path)[\(i)]"))
        }
        return parts
    }

    private static func element(_ json: JSONValue?, _ place: Int) -> JSONValue {
        guard let elements = json?.arrayValue, elements.indices.contains(place) else { return .null }
        return elements[place]
    }

    /// What is written of a node: all of a leaf, and of a segment its name.
    private static func own(_ json: JSONValue, isLeaf: Bool) -> JSONValue? {
        guard case .object(let members) = json else { return isLeaf ? json : nil }
        if isLeaf {
            // Of a formula its version is enough.
            let version = json["formula"]?["version"].map { [JSONValue.Member("version", $0)] } ?? []
            return .object(members.flatMap { $0.key == "formula" ? version : [$0] })
        }
        guard json["segment"] != nil else { return nil }
        return .object(members.filter { $0.key != "where" })
    }
}
