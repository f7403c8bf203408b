"""Pure: a declared policy, validated and explained.

The modules, from the entry inwards; imports run downwards only:

    policy            CorsPolicy: an immutable value
    check_requests    the validation of the field check_requests
    validation        the checks of every field, and of fields together
    name_checks       problems of the name of a method or header
    origin_diagnosis  problems of an origin, and what was meant
    entry_checks      problems of a valid origin with credentials, or as a customer's
    host_diagnosis    problems of the host of an origin
    entries           the entries of a declared collection
    fields            the types of the fields
    aliases           the names that other packages have for the fields
    problems          Problem, CorsPolicyError, CorsPolicyWarning
    origin_ids        ids of problems of origins: message, meaning, remedy
    host_ids          the same, of hosts
    field_ids         the same, of the other fields
    warning_ids       the same, of warnings
"""
