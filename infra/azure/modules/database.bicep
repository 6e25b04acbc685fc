// PostgreSQL, reached through the app's network only.
//
// No password: the apps sign in with tokens of their identities. The workers' one is the server's administrator, because it
// also makes the tables, and because nobody else could give it a role in a server that nobody else may enter.

param name string
param location string
param networkId string
param subnetId string

param principalId string
param principalName string
param zoneRedundant bool

resource server 'Microsoft.DBforPostgreSQL/flexibleServers@2026-10-01' = {
  name: name
  location: location
  // The small ones cannot have a second server.
  sku: zoneRedundant ? { name: 'Standard_D2ds_v5', tier: 'GeneralPurpose' } : { name: 'Standard_B2s', tier: 'Burstable' }
  properties: {
    version: '18'
    authConfig: { passwordAuth: 'Disabled', activeDirectoryAuth: 'Enabled', tenantId: subscription().tenantId }
    highAvailability: { mode: zoneRedundant ? 'ZoneRedundant' : 'Disabled' }
    storage: { storageSizeGB: 32, autoGrow: 'Enabled' }
    backup: { backupRetentionDays: 14, geoRedundantBackup: 'Disabled' }
    network: { publicNetworkAccess: 'Disabled' }
  }
}

resource database 'Microsoft.DBforPostgreSQL/flexibleServers/databases@2026-10-01' = {
  parent: server
  name: 'footprint'
  properties: { charset: 'UTF8', collation: 'en_US.utf8' }
}

// All routes, those of the staging app and each queue with 40 instances, and each timer with one, have
// FOOTPRINT_DATABASE_CONNECTIONS each; some more are for people and backups.
resource connections 'Microsoft.DBforPostgreSQL/flexibleServers/configurations@2026-10-01' = {
  parent: server
  name: 'max_connections'
  properties: { value: '800', source: 'user-override' }
}

// The server makes one change at a time.
resource administrator 'Microsoft.DBforPostgreSQL/flexibleServers/administrators@2026-10-01' = {
  parent: server
  name: principalId
  properties: { principalName: principalName, principalType: 'ServicePrincipal', tenantId: subscription().tenantId }
  dependsOn: [database, connections]
}

resource endpoint 'Microsoft.Network/privateEndpoints@2026-03-01' = {
  name: '${name}-database'
  location: location
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      { name: 'database', properties: { privateLinkServiceId: server.id, groupIds: ['postgresqlServer'] } }
    ]
  }
}

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: 'privatelink.postgres.database.azure.com'
  location: 'global'
}

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = {
  parent: zone
  name: 'app'
  location: 'global'
  properties: { registrationEnabled: false, virtualNetwork: { id: networkId } }
}

resource record 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2026-03-01' = {
  parent: endpoint
  name: 'database'
  properties: { privateDnsZoneConfigs: [{ name: 'database', properties: { privateDnsZoneId: zone.id } }] }
}

output id string = server.id
