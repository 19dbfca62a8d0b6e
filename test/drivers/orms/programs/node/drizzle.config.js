'use strict';
module.exports = { dialect: 'postgresql', out: process.env.DRIZZLE_OUT, dbCredentials: { url: process.env.DATABASE_URL }, schemaFilter: ['public', 'billing'] };
